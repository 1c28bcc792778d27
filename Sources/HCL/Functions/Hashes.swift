extension StandardFunctions {
    static let hashes: FunctionTable = [
        "md5": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .string(Hash.hexadecimal(Hash.md5(Array(try a.string(0).utf8))))
        },
        "sha1": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .string(Hash.hexadecimal(Hash.sha1(Array(try a.string(0).utf8))))
        },
        "sha256": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .string(Hash.hexadecimal(Hash.sha256(Array(try a.string(0).utf8))))
        },
        "sha512": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .string(Hash.hexadecimal(Hash.sha512(Array(try a.string(0).utf8))))
        },
        "uuidv5": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let space = try a.string(0)
            guard let bytes = Hash.namespaceBytes(space) else {
                throw a.fault(0, "\"\(space.prefix(60))\" is not dns, url, oid, x500 or a UUID")
            }
            return .string(Hash.uuid5(namespace: bytes, name: try a.string(1)))
        },
    ]
}

/// The hash functions of expressions, for telling whether a text changed. Written here because this module has no
/// platform dependency; nothing secret goes through them, so they need neither speed nor constant time.
private enum Hash {
    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The message with its padding: 0x80, zeros, and the length in bits as the last `lengthBytes` bytes.
    private static func padded(_ message: [UInt8], block: Int, lengthBytes: Int, littleEndian: Bool) -> [UInt8] {
        var bytes = message + [0x80]
        bytes += Array(repeating: 0, count: (2 * block - lengthBytes - bytes.count % block) % block)
        var length = (0..<lengthBytes).map {
            $0 < 8 ? UInt8(truncatingIfNeeded: (UInt64(message.count) * 8) >> UInt64(8 * $0)) : 0
        }
        if !littleEndian { length.reverse() }
        return bytes + length
    }

    private static func word<Word: FixedWidthInteger>(_ bytes: [UInt8], at start: Int, as type: Word.Type) -> Word {
        (0..<Word.bitWidth / 8).reduce(0) { $0 << 8 | Word(bytes[start + $1]) }
    }

    private static func bytes(_ words: [some FixedWidthInteger & UnsignedInteger]) -> [UInt8] {
        words.flatMap { word in
            stride(from: word.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    }

    private static func rotatedLeft(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }

    // MARK: SHA-2 (FIPS 180-4)

    static func sha256(_ message: [UInt8]) -> [UInt8] {
        sha2(
            message, constants: sha2Constants.prefix(64).map { UInt32($0 >> 32) },
            start: sha2Start.map { UInt32($0 >> 32) }, bigZero: (2, 13, 22), bigOne: (6, 11, 25),
            smallZero: (7, 18, 3), smallOne: (17, 19, 10))
    }

    static func sha512(_ message: [UInt8]) -> [UInt8] {
        sha2(
            message, constants: sha2Constants, start: sha2Start, bigZero: (28, 34, 39), bigOne: (14, 18, 41),
            smallZero: (1, 8, 7), smallOne: (19, 61, 6))
    }

    private typealias Shifts<Word> = (Word, Word, Word)

    /// SHA-256 and SHA-512 are one algorithm with words of 32 and of 64 bits; the 32-bit constants are the upper
    /// halves of the 64-bit ones.
    private static func sha2<Word: FixedWidthInteger & UnsignedInteger>(
        _ message: [UInt8], constants: [Word], start: [Word], bigZero: Shifts<Word>, bigOne: Shifts<Word>,
        smallZero: Shifts<Word>, smallOne: Shifts<Word>
    ) -> [UInt8] {
        let size = Word.bitWidth / 8
        func rotated(_ word: Word, _ count: Word) -> Word { word >> count | word << (Word(Word.bitWidth) - count) }
        func big(_ word: Word, _ by: Shifts<Word>) -> Word {
            rotated(word, by.0) ^ rotated(word, by.1) ^ rotated(word, by.2)
        }
        func small(_ word: Word, _ by: Shifts<Word>) -> Word {
            rotated(word, by.0) ^ rotated(word, by.1) ^ word >> by.2
        }
        let text = padded(message, block: 16 * size, lengthBytes: 2 * size, littleEndian: false)
        var hash = start
        for block in stride(from: 0, to: text.count, by: 16 * size) {
            var schedule = (0..<16).map { word(text, at: block + $0 * size, as: Word.self) }
            for index in 16..<constants.count {
                let one = small(schedule[index - 2], smallOne) &+ schedule[index - 7]
                schedule.append(one &+ small(schedule[index - 15], smallZero) &+ schedule[index - 16])
            }
            var state = hash
            for index in constants.indices {
                let choice = (state[4] & state[5]) ^ (~state[4] & state[6])
                let first = state[7] &+ big(state[4], bigOne) &+ choice &+ constants[index] &+ schedule[index]
                let majority = (state[0] & state[1]) ^ (state[0] & state[2]) ^ (state[1] & state[2])
                let second = big(state[0], bigZero) &+ majority
                state = [
                    first &+ second, state[0], state[1], state[2], state[3] &+ first, state[4], state[5], state[6],
                ]
            }
            for index in hash.indices { hash[index] &+= state[index] }
        }
        return bytes(hash)
    }

    // MARK: SHA-1 (FIPS 180-4) and MD5 (RFC 1321)

    static func sha1(_ message: [UInt8]) -> [UInt8] {
        let text = padded(message, block: 64, lengthBytes: 8, littleEndian: false)
        var hash: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
        for block in stride(from: 0, to: text.count, by: 64) {
            var schedule = (0..<16).map { word(text, at: block + $0 * 4, as: UInt32.self) }
            for index in 16..<80 {
                let mixed = schedule[index - 3] ^ schedule[index - 8] ^ schedule[index - 14] ^ schedule[index - 16]
                schedule.append(rotatedLeft(mixed, 1))
            }
            var (a, b, c, d, e) = (hash[0], hash[1], hash[2], hash[3], hash[4])
            for index in 0..<80 {
                let (mix, constant): (UInt32, UInt32)
                switch index / 20 {
                case 0: (mix, constant) = ((b & c) | (~b & d), 0x5a82_7999)
                case 1: (mix, constant) = (b ^ c ^ d, 0x6ed9_eba1)
                case 2: (mix, constant) = ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc)
                default: (mix, constant) = (b ^ c ^ d, 0xca62_c1d6)
                }
                let next = rotatedLeft(a, 5) &+ mix &+ e &+ constant &+ schedule[index]
                (a, b, c, d, e) = (next, a, rotatedLeft(b, 30), c, d)
            }
            for (index, word) in [a, b, c, d, e].enumerated() { hash[index] &+= word }
        }
        return bytes(hash)
    }

    static func md5(_ message: [UInt8]) -> [UInt8] {
        let text = padded(message, block: 64, lengthBytes: 8, littleEndian: true)
        let shifts: [[UInt32]] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
        var hash: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
        for block in stride(from: 0, to: text.count, by: 64) {
            let words = (0..<16).map { word(text, at: block + $0 * 4, as: UInt32.self).byteSwapped }
            var (a, b, c, d) = (hash[0], hash[1], hash[2], hash[3])
            for index in 0..<64 {
                let (mix, position): (UInt32, Int)
                switch index / 16 {
                case 0: (mix, position) = ((b & c) | (~b & d), index)
                case 1: (mix, position) = ((d & b) | (~d & c), (5 * index + 1) % 16)
                case 2: (mix, position) = (b ^ c ^ d, (3 * index + 5) % 16)
                default: (mix, position) = (c ^ (b | ~d), 7 * index % 16)
                }
                let sum = a &+ mix &+ md5Constants[index] &+ words[position]
                (a, b, c, d) = (d, b &+ rotatedLeft(sum, shifts[index / 16][index % 4]), b, c)
            }
            for (index, word) in [a, b, c, d].enumerated() { hash[index] &+= word }
        }
        return bytes(hash.map(\.byteSwapped))
    }

    // MARK: UUID version 5 (RFC 9562 §5.5)

    static func namespaceBytes(_ text: String) -> [UInt8]? {
        let known = ["dns": "0", "url": "1", "oid": "2", "x500": "4"]
        let uuid = known[text].map { "6ba7b81\($0)-9dad-11d1-80b4-00c04fd430c8" } ?? text
        let digits = uuid.filter { $0 != "-" }
        guard uuid.utf8.count == 36, digits.utf8.count == 32 else { return nil }
        return stride(from: 0, to: 32, by: 2).reduce(into: [UInt8]?.some([])) { bytes, start in
            let pair = digits.dropFirst(start).prefix(2)
            guard let byte = UInt8(pair, radix: 16), !pair.hasPrefix("+") else { return bytes = nil }
            bytes?.append(byte)
        }
    }

    static func uuid5(namespace: [UInt8], name: String) -> String {
        var bytes = Array(sha1(namespace + Array(name.utf8)).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x50
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = hexadecimal(bytes)
        var groups: [Substring] = []
        var rest = hex[...]
        for length in [8, 4, 4, 4, 12] {
            groups.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return groups.joined(separator: "-")
    }

    // MARK: Constants

    /// Fractions of the square roots of the first 8 primes.
    private static let sha2Start: [UInt64] = [
        0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f, 0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
    ]

    /// Fractions of the cube roots of the first 80 primes.
    private static let sha2Constants: [UInt64] = [
        0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
        0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
        0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
        0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
        0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
        0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
        0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
        0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
        0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
        0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
        0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
        0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
        0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
        0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
        0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
        0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
        0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
        0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
        0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
        0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
    ]

    /// The sines of 1 to 64, times 2^32.
    private static let md5Constants: [UInt32] = [
        0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
        0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
        0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
        0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
        0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
        0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
        0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
        0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
    ]
}
