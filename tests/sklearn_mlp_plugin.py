"""A pytest plugin: scikit-learn's own tests of its MLPs get chainrule's classes."""

import sklearn.neural_network

import chainrule

sklearn.neural_network.MLPClassifier = chainrule.MLPClassifier
sklearn.neural_network.MLPRegressor = chainrule.MLPRegressor
