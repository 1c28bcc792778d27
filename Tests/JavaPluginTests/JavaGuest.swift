import Glibc
import Linux
import PluginHostTestSupport
import Testing

/// A program in Java, compiled and packed once a run with the machine's own JDK.
enum JavaGuest {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Why there is none; `nil` when there is.
    static let missing: String? = {
        for tool in ["java", "javac", "jar"] where system("command -v \(tool) >/dev/null") != 0 {
            return "needs \(tool): apt-get install openjdk-17-jdk-headless"
        }
        return nil
    }()

    private static let folder: String = {
        let folder = PluginBuilder.makeFolder("java-guest")
        atexit { try? Folder.remove(JavaGuest.folder) }
        return folder
    }()

    /// Makes `guest.jar` and the folder `classes` in `folder`.
    static func install(in folder: String) throws {
        _ = try built.get()
        try #require(system("cp -r \(self.folder)/guest.jar \(self.folder)/classes \(folder)/") == 0)
    }

    private static let built: Result<String, Failure> = {
        let path = folder
        do {
            try SmallFile.replace(path + "/Guest.java", with: Array(source.utf8), mode: 0o644)
        } catch {
            return .failure(Failure(description: "\(error)"))
        }
        let command = """
            cd \(path) && mkdir classes && javac -d classes Guest.java \
            && jar --create --file guest.jar --main-class Guest -C classes . && chmod -R a+rX .
            """
        guard system(command) == 0 else { return .failure(Failure(description: "failed: \(command)")) }
        return .success(path)
    }()

    private static let source = """
        import java.nio.ByteBuffer;
        import java.util.ArrayList;

        public class Guest {
            public static void main(String[] args) throws Exception {
                switch (args[0]) {
                case "tell":
                    System.out.println(ProcessHandle.current().pid() + " " + System.getProperty("user.name")
                        + " " + System.getProperty("user.dir") + " " + System.getProperty("mark", "none"));
                    System.out.println(System.getenv("GREETING") + " " + args.length + " " + args[args.length - 1]);
                    System.out.println(new java.io.File("/root").exists() + " " + new java.io.File("/local").canWrite());
                    System.err.println("an error");
                    break;
                case "exit":
                    System.exit(Integer.parseInt(args[1]));
                case "throw":
                    throw new IllegalStateException("thrown");
                case "eat":
                    ArrayList<ByteBuffer> all = new ArrayList<>();
                    while (true) {
                        ByteBuffer some = ByteBuffer.allocateDirect(1 << 20);
                        while (some.hasRemaining()) some.put((byte) 1);
                        all.add(some);
                    }
                case "fork":
                    new ProcessBuilder("setsid", "sleep", args[1]).start();
                    new ProcessBuilder("sh", "-c", "(sleep " + args[1] + " &)").start().waitFor();
                    System.out.println("ready");
                    Thread.sleep(Long.MAX_VALUE);
                default:
                    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("bye")));
                    System.out.println("ready");
                    Thread.sleep(Long.MAX_VALUE);
                }
            }
        }
        """
}
