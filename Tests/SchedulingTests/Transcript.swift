import Foundation
import Testing

/// Runs `Cases/*.txt`: command, `----`, output; a blank line ends a step. `REWRITE=1 swift test` writes the outputs
/// anew: read the difference.
struct TranscriptTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases")
    static let files =
        (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.filter { $0.hasSuffix(".txt") }.sorted()
        ?? []

    @Test func casesExist() { #expect(!TranscriptTests.files.isEmpty) }

    @Test(arguments: files)
    func transcript(file: String) throws {
        let url = TranscriptTests.folder.appendingPathComponent(file)
        let expected = try String(contentsOf: url, encoding: .utf8)
        var player = ReconcilePlayer()
        let actual = player.play(expected)
        if ProcessInfo.processInfo.environment["REWRITE"] == "1" {
            try actual.write(to: url, atomically: true, encoding: .utf8)
        }
        #expect(actual == expected, "\(file) differs; REWRITE=1 swift test, then read the difference")
    }
}
