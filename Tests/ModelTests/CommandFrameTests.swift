import Basics
import Model
import Testing

/// The frames of `/v1/client/allocation/:id/exec`, as Nomad's clients send and read them.
@Suite struct CommandFrameTests {
    private func text(_ value: some JSONForm) -> String {
        var writer = JSONWriter()
        value.write(to: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test(arguments: [
        ("{}", CommandInput()),
        (#"{"stdin":{"data":"aGkK"}}"#, CommandInput(data: Array("hi\n".utf8))),
        (#"{"stdin":{"close":true}}"#, CommandInput(isEnd: true)),
        (#"{"tty_size":{"height":24,"width":80}}"#, CommandInput(size: TerminalSize(rows: 24, columns: 80))),
    ])
    func inputs(json: String, input: CommandInput) throws {
        #expect(text(input) == json)
        #expect(try CommandInput.read(try JSONParser.parse(Array(json.utf8))) == input)
    }

    @Test(arguments: [
        ("{}", CommandOutput()),
        (#"{"stdout":{"data":"aGkK"}}"#, CommandOutput(standardOutput: Array("hi\n".utf8))),
        (#"{"stderr":{"data":"aGkK"}}"#, CommandOutput(standardError: Array("hi\n".utf8))),
        (#"{"exited":true,"result":{"exit_code":137}}"#, CommandOutput(exitCode: 137)),
    ])
    func outputs(json: String, output: CommandOutput) throws {
        #expect(text(output) == json)
        #expect(try CommandOutput.read(try JSONParser.parse(Array(json.utf8))) == output)
    }

    @Test(arguments: [
        "[]", "7", #"{"stdin":5}"#, #"{"stdin":{"data":"?"}}"#, #"{"stdin":{"data":5}}"#,
        #"{"tty_size":{"height":24}}"#, #"{"tty_size":{"height":-1,"width":80}}"#,
    ])
    func garbageIsRefused(json: String) throws {
        let value = try JSONParser.parse(Array(json.utf8))
        #expect(throws: DocumentError.self) { try CommandInput.read(value) }
    }

    /// Nomad's servers say that a stream has ended; that is nothing to us.
    @Test func endsOfOutputAreReadOver() throws {
        let json = try JSONParser.parse(Array(#"{"stdout":{"close":true},"stdin":null}"#.utf8))
        #expect(try CommandOutput.read(json) == CommandOutput())
    }
}
