extension StandardFunctions {
    static let numbers: FunctionTable = [
        "abs": Function(1) { (a: inout Arguments) throws(FunctionError) in
            let number = try a.number(0)
            if case .int(let int) = number, int != .min {
                return .int(int.magnitude > Int64.max ? int : Swift.abs(int))
            }
            return try number.double.magnitude.asNumberValue()
        },
        "ceil": Function(1) { (a: inout Arguments) throws(FunctionError) in
            try a.double(0).rounded(.up).asNumberValue()
        },
        "floor": Function(1) { (a: inout Arguments) throws(FunctionError) in
            try a.double(0).rounded(.down).asNumberValue()
        },
        "log": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (value, base) = (try a.double(0), try a.double(1))
            guard value > 0, base > 0, base != 1 else {
                throw FunctionError("The number and the base must be above zero, and the base not 1.")
            }
            return try (Logarithm.natural(value) / Logarithm.natural(base)).snapped.asNumberValue()
        },
        "max": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            var best = try a.number(0)
            for index in 1..<Swift.max(1, a.count) { best = Swift.max(best, try a.number(index)) }
            return .number(best)
        },
        "min": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            var best = try a.number(0)
            for index in 1..<Swift.max(1, a.count) { best = Swift.min(best, try a.number(index)) }
            return .number(best)
        },
        "parseint": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (text, base) = (try a.string(0), try a.int(1))
            guard (2...36).contains(base) else { throw a.fault(1, "the base must be 2 to 36") }
            guard let value = Int64(text, radix: base) else {
                throw a.fault(0, "\"\(text.prefix(60))\" is not a whole number of base \(base)")
            }
            return .int(value)
        },
        "pow": Function(2) { (a: inout Arguments) throws(FunctionError) in
            try Logarithm.power(try a.double(0), try a.number(1)).asNumberValue()
        },
        "signum": Function(1) { (a: inout Arguments) throws(FunctionError) in
            let value = try a.double(0)
            return .int(value < 0 ? -1 : value > 0 ? 1 : 0)
        },
    ]
}

extension Double {
    /// The number, or an error for infinities and not-a-number.
    fileprivate func asNumberValue() throws(FunctionError) -> Value {
        guard let number = Number(self) else { throw FunctionError("The result is too large for a number.") }
        return .number(number)
    }

    /// Takes away the last bits of error when the value is next to a whole number, so that log(8, 2) is 3.
    fileprivate var snapped: Double {
        let whole = rounded()
        return Swift.abs(self - whole) < 1e-12 * Swift.max(1, whole.magnitude) ? whole : self
    }
}

/// Logarithm and power without a C library: this module has no platform dependency.
private enum Logarithm {
    /// ln(x) for x > 0: the exponent times ln 2 plus the series of artanh, which converges fast on 0.7...1.4.
    static func natural(_ value: Double) -> Double {
        var mantissa = value.significand
        var exponent = Double(value.exponent)
        if mantissa > 1.414_213_562_373_095_1 {
            mantissa /= 2
            exponent += 1
        }
        let ratio = (mantissa - 1) / (mantissa + 1)
        var term = ratio
        var sum = 0.0
        var odd = 1.0
        while term.magnitude > 1e-18 {
            sum += term / odd
            term *= ratio * ratio
            odd += 2
        }
        return 2 * sum + exponent * 0.693_147_180_559_945_3
    }

    /// e^x by halving the argument until the series converges fast, then squaring back.
    static func exponential(_ value: Double) -> Double {
        guard value < 710 else { return .infinity }
        guard value > -745 else { return 0 }
        let twos = (value / 0.693_147_180_559_945_3).rounded()
        let rest = value - twos * 0.693_147_180_559_945_3
        var term = 1.0
        var sum = 1.0
        for step in 1...24 {
            term *= rest / Double(step)
            sum += term
        }
        return Double(sign: .plus, exponent: Int(twos), significand: 1) * sum
    }

    /// Whole powers by repeated squaring, exact as long as the result is; others through the logarithm.
    static func power(_ base: Double, _ exponent: Number) throws(FunctionError) -> Double {
        if case .int(let whole) = exponent {
            guard whole.magnitude <= 1 << 20 else { throw FunctionError("The exponent must be at most 1048576.") }
            var result = 1.0
            var square = base
            var bits = whole.magnitude
            while bits > 0 {
                if bits & 1 == 1 { result *= square }
                square *= square
                bits >>= 1
            }
            return whole < 0 ? 1 / result : result
        }
        guard base >= 0 else { throw FunctionError("A negative number has no fractional power.") }
        return base == 0 ? 0 : exponential(exponent.double * natural(base))
    }
}
