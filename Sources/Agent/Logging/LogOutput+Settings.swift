internal import Linux

extension LogOutput {
    /// The output the settings ask for.
    convenience init(_ settings: AgentSettings) throws {
        let file = try settings.logFile.map {
            try LogFile(path: $0, bytesMax: settings.logFileBytesMax, filesMax: settings.logFilesMax)
        }
        let time = SystemTime()
        self.init(form: settings.logsJSON ? .json : .text, level: settings.logLevel, file: file, now: { time.now })
    }
}
