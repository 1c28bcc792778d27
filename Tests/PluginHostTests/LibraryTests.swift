import Basics
import CDroverABI
import Glibc
import PluginHost
import PluginHostTestSupport
import Testing

/// Files that are no plug-ins, and plug-ins that do not fit, are refused with the field and both values.
@Suite struct LibraryTests {
    private static let source = "Tests/PluginHostTests/Plugins/driver.c"

    private func damaged(_ change: (inout [UInt8]) -> Void) throws -> (Scratch, String) {
        let library = try PluginBuilder.library(LibraryTests.source)
        let scratch = Scratch("elf")
        var bytes = try contents(library)
        change(&bytes)
        return (scratch, try scratch.write("libdrover-x.so", bytes))
    }

    private func contents(_ path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        return bytes
    }

    private func refusal(_ path: String) -> String {
        do {
            _ = try Manifest(library: path)
            return ""
        } catch {
            return error.message
        }
    }

    @Test func readsTheManifestWithoutLoading() throws {
        let manifest = try Manifest(library: PluginBuilder.library(LibraryTests.source))
        #expect(manifest.name == "faulty" && manifest.version == "1.2.3")
        #expect(manifest.kinds == [.driver])
        #expect(manifest.taskSchema?["delay"]?["type"]?.string == "duration")
        #expect(!manifest.isSerial)
    }

    @Test func refusesDamagedFiles() throws {
        let cases: [(String, (inout [UInt8]) -> Void)] = [
            ("it does not begin with the ELF magic", { $0[1] = 0 }),
            ("it is for 32-bit machines", { $0[4] = 1 }),
            ("it is big-endian", { $0[5] = 2 }),
            ("it is built for aarch64 (ELF machine 183), this machine is x86_64", { $0[18] = 183 }),
            ("it is no shared library (ELF type 2, wanted 3)", { $0[16] = 2 }),
            ("it is truncated: the ELF header would end at byte 64 of 10", { $0 = Array($0.prefix(10)) }),
            ("it is truncated: the section table would end at byte", { $0.removeLast(100) }),
            ("it is truncated: the section table would end at byte", { for at in 40..<48 { $0[at] = 0xff } }),
            ("it has no section table (0 sections)", { $0[60] = 0 }),
            ("it is truncated: the ELF header would end at byte 64 of 0", { $0 = [] }),
        ]
        for (expected, change) in cases {
            let (scratch, path) = try damaged(change)
            #expect(refusal(path).contains(expected))
            #expect(refusal(path).contains(path))
            withExtendedLifetime(scratch) {}
        }
        #expect(refusal("/no/such.so").contains("open /no/such.so: No such file or directory"))
    }

    /// No flip of a byte in the headers or the manifest crashes the reader.
    @Test func survivesAnyDamage() throws {
        let library = try PluginBuilder.library(LibraryTests.source)
        let bytes = try contents(library)
        let scratch = Scratch("fuzz")
        var random = SeededGenerator(seed: 1)
        for _ in 0..<300 {
            var copy = bytes
            for _ in 0..<4 {
                let inTable = Bool.random(using: &random)
                let range = inTable ? copy.count - 2_048..<copy.count : 0..<64
                copy[Int.random(in: range, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = refusal(try scratch.write("x.so", copy))
        }
    }

    @Test(arguments: [
        ("", "manifest: \"name\" is missing or no text", "\"name\":\"x\",", ""),
        ("", "manifest: \"name\" is \"X y\": use 1 to 64 of", "\"x\"", "\"X y\""),
        ("", "manifest: \"interfaces\" must list 1 to 16 texts", "[\"drover.driver/1\"]", "[]"),
        ("", "\"drover_manifest\" is not 1", "manifest\":1", "manifest\":2"),
        (
            "", "config_schema.a: \"type\" must be one of string, bool", "}",
            ",\"config_schema\":{\"a\":{\"type\":\"strin\"}}}"
        ),
        ("", "\"threading\" is \"some\"", "}", ",\"threading\":\"some\"}"),
        ("", "unknown parameter \"i23\"; allowed: self i32", "}", ",\"signatures\":{\"a/1\":\"f: i23 -> void\"}}"),
        ("", "invalid JSON at line 1", "{", "{{"),
    ])
    func refusesBadManifests(_: String, message: String, part: String, replacement: String) throws {
        let good =
            "{\"drover_manifest\":1,\"abi\":0,\"abi_hash\":\"h\",\"name\":\"x\",\"version\":\"1\",\"interfaces\":[\"drover.driver/1\"]}"
        let at = try #require(part == "}" ? good.range(of: part, last: true) : good.range(of: part, last: false))
        let text = good.replacingCharacters(at, replacement)
        do {
            _ = try Manifest(Array(text.utf8))
            Issue.record("accepted \(text)")
        } catch {
            #expect(error.message.contains(message))
        }
    }

    @Test(arguments: [
        ("WRONG_MAGIC", "field magic of the plug-in's table is 0x1, expected 0x31305245564f5244"),
        ("WRONG_SIZE", "field size of the plug-in's table is 16, expected at least 72"),
        (
            "WRONG_MANIFEST",
            "field manifest of the plug-in's table is 2 other bytes, expected what section .drover.manifest holds"
        ),
        ("NO_CREATE", "field create of the plug-in's table is null, expected a function"),
    ])
    func refusesTablesThatDoNotFit(define: String, message: String) async throws {
        let library = try PluginBuilder.library(LibraryTests.source, defines: [define])
        try await withHost([(library, "driver.so")]) { host, _ in
            #expect(host.status[0].state == "quarantined")
            #expect(host.status[0].reason.contains(message))
        }
    }

    @Test func refusesAnotherABIWithBothHashes() async throws {
        let library = try PluginBuilder.library(
            LibraryTests.source, defines: ["DROVER_ABI_HASH_H", "DROVER_ABI_HASH='\"0123\"'"])
        try await withHost([(library, "driver.so")]) { host, scratch in
            #expect(host.status[0].state == "quarantined")
            #expect(
                host.status[0].reason
                    == "\(scratch.path)/plugins/driver.so: manifest: abi_hash is \"0123\", this agent's headers have "
                    + "\"\(DROVER_ABI_HASH)\"; while the ABI is a draft, rebuild the plug-in with the agent's SDK")
        }
    }

    /// One agent, many files: each is listed with what became of it.
    @Test func discoversAndReportsEveryFile() async throws {
        let driver = try PluginBuilder.library(LibraryTests.source)
        let scheduler = try PluginBuilder.library("Tests/PluginHostTests/Plugins/scheduler.c")
        let configure: (inout PluginHostConfiguration) -> Void = { configuration in
            isolated(.agent, "wayward")(&configuration)
            _ = system("mkdir \(configuration.stockFolder)")
            _ = system("cp \(driver) \(configuration.stockFolder)/libdrover-driver.so")
            _ = system("cp \(driver) \(configuration.stockFolder)/libother.so")
            _ = system("echo text > \(configuration.pluginFolder ?? "")/broken.so")
        }
        try await withHost([(driver, "a.so"), (driver, "b.so"), (scheduler, "s.so")], configure: configure) {
            host, scratch in
            let status = host.status
            #expect(status.map(\.name) == ["broken", "faulty", "faulty", "faulty", "wayward"])
            #expect(status.map(\.state) == ["quarantined", "running", "stopped", "stopped", "running"])
            #expect(status[1].file == "\(scratch.path)/plugins/a.so")
            #expect(status[3].reason == "\(scratch.path)/plugins/a.so has the same name and is loaded in its place")
            #expect(status[1].kind == "driver" && status[1].isolation == "process" && status[1].pid > 0)
            #expect(status[4].kind == "scheduler" && status[4].isolation == "agent" && status[4].pid == 0)
            #expect(status[1].abi == "0-\(DROVER_ABI_HASH)" && status[1].version == "1.2.3")
            // The probe of the one that runs in the agent is remembered.
            #expect(system("test $(ls \(scratch.path)/data/probed | wc -l) = 1") == 0)
        }
    }

    @Test func disabledAndMisconfiguredPluginsSaySo() async throws {
        let library = try PluginBuilder.library(LibraryTests.source)
        let disabled: (inout PluginHostConfiguration) -> Void = { configuration in
            var plugin = PluginHostConfiguration.Plugin()
            plugin.isEnabled = false
            configuration.plugins["faulty"] = plugin
        }
        try await withHost([(library, "driver.so")], configure: disabled) { host, _ in
            #expect(host.status[0].state == "stopped")
            #expect(host.status[0].reason == "disabled by the agent's configuration")
        }
        let wrong = isolated(.process, "faulty", config: .object([("colour", .bool(true))]))
        try await withHost([(library, "driver.so")], configure: wrong) { host, _ in
            #expect(host.status[0].state == "quarantined")
            #expect(host.status[0].reason == "plugin \"faulty\": unknown key \"colour\"; allowed: create, probe")
        }
    }
}

extension String {
    /// The first or last place of `part`.
    fileprivate func range(of part: String, last: Bool) -> Range<Index>? {
        var found: Range<Index>?
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(part) {
                found = at..<index(at, offsetBy: part.count)
                if !last { break }
            }
            at = index(after: at)
        }
        return found
    }

    fileprivate func replacingCharacters(_ range: Range<Index>, _ text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
