// Random numbers: Philox4x32-10 (base/rng.h) in lanes.

// Words of 32 bits, one in each lane of 64; whatever stands above them does not matter. The first two are the counter.
struct PhiloxLanes {
  vuint64 word[4];

  void draw(const RandomStream& stream) {
    word[2] = vuint64{} + std::uint64_t{stream.step};
    word[3] = vuint64{} + std::uint64_t{stream.purpose};
    std::uint32_t k0 = stream.key[0], k1 = stream.key[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const vuint64 a = multiply_wide(word[0], vuint64{} + std::uint64_t{0xD2511F53});
      const vuint64 b = multiply_wide(word[2], vuint64{} + std::uint64_t{0xCD9E8D57});
      word[0] = (b >> 32) ^ word[1] ^ (vuint64{} + k0);
      word[1] = b;
      word[2] = (a >> 32) ^ word[3] ^ (vuint64{} + k1);
      word[3] = a;
      k0 += 0x9E3779B9, k1 += 0xBB67AE85;
    }
  }
};

// out[i]: 64 bits for element first + i, i < n, a multiple of kPanel<double>.
static void random_bits(const RandomStream& stream, std::uint64_t first, index_t n, std::uint64_t* out) {
  constexpr index_t lanes = CHAINRULE_VECTOR_BYTES / 8;
  for (index_t i = 0; i < n; i += lanes) {
    vuint64 element;
    for (index_t l = 0; l < lanes; ++l) element[l] = first + static_cast<std::uint64_t>(i + l);
    PhiloxLanes of = {};
    of.word[0] = element, of.word[1] = element >> 32;
    of.draw(stream);
    const vuint64 bits = (of.word[1] << 32) | (of.word[0] & std::uint64_t{0xFFFFFFFF});
    __builtin_memcpy(out + i, &bits, sizeof bits);
  }
}
