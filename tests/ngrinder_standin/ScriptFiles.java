import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Files of the repository: upload, list and delete; and those next to a script, which agents get with it. */
final class ScriptFiles {
    private static final Pattern PART = Pattern.compile("^--(.+?)\r\nContent-Disposition: form-data; name=\"([^\"]+)\"(?:; filename=\"([^\"]+)\")?(?:\r\n[^\r]+)*\r\n\r\n");

    private ScriptFiles() {}

    static Object call(Path repository, String method, String path, String action, String type, byte[] content) throws IOException {
        Path folder = repository.resolve(path);
        if (method.equals("POST") && "upload".equals(action)) {
            upload(folder, type, content);
            return Json.of("success", true);
        }
        if (method.equals("DELETE") && path.equals("delete")) {
            List<Object> paths = Settings.cast(Json.parse(new String(content, StandardCharsets.UTF_8)));
            for (Object each : paths) { // the real one fails for an unknown path
                PerfTests.check(Files.exists(repository.resolve((String) each)), "Path '" + each + "' is not present");
                delete(repository.resolve((String) each));
            }
            return Json.of("success", true);
        }
        PerfTests.check(method.equals("GET"), "no such call");
        List<Object> found = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (Stream<Path> inside = Files.list(folder)) {
                inside.sorted().forEach(each -> found.add(Json.of("path", repository.relativize(each).toString(), "fileName", each.getFileName().toString(),
                    "fileType", Files.isDirectory(each) ? "DIR" : "UNKNOWN")));
            }
        }
        return found;
    }

    /** Content in base64 by its path from the script's folder, of the files in lib and resources that agents get. */
    static Map<String, Object> next(Path repository, String script) throws IOException {
        Path folder = repository.resolve(script).getParent();
        Map<String, Object> found = Json.of();
        for (String name : List.of("lib", "resources")) {
            if (!Files.isDirectory(folder.resolve(name))) {
                continue;
            }
            try (Stream<Path> inside = Files.walk(folder.resolve(name))) {
                for (Path each : (Iterable<Path>) inside.filter(Files::isRegularFile)::iterator) {
                    boolean library = each.toString().matches(".*\\.(jar|class|so|dll|groovy|py|xml)");
                    boolean resource = each.getFileName().toString().matches("(?!.*\\.(jar|class|so|dll|groovy|py|yml|gradle)$).*\\.[^.]+");
                    if (name.equals("lib") ? library : resource) {
                        found.put(folder.relativize(each).toString(), Base64.getEncoder().encodeToString(Files.readAllBytes(each)));
                    }
                }
            }
        }
        return found;
    }

    /** Stores the file of a multipart request, which has a description too. */
    private static void upload(Path folder, String type, byte[] content) throws IOException {
        String text = new String(content, StandardCharsets.ISO_8859_1);
        String boundary = type.replaceFirst(".*boundary=\"?([^\";]+).*", "$1");
        boolean described = false;
        Path file = null;
        byte[] bytes = null;
        for (String part : text.split(Pattern.quote("--" + boundary))) {
            Matcher head = PART.matcher("--" + boundary + part);
            if (head.find()) {
                String name = head.group(3);
                described |= head.group(2).equals("description");
                if (head.group(2).equals("uploadFile") && name != null) {
                    file = folder.resolve(new String(name.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
                    byte[] all = ("--" + boundary + part).getBytes(StandardCharsets.ISO_8859_1);
                    bytes = Arrays.copyOfRange(all, head.end(), all.length - 2);
                }
            }
        }
        PerfTests.check(described && file != null, "Required parameter 'description' is not present");
        Files.createDirectories(folder);
        Files.write(file, bytes);
    }

    private static void delete(Path path) throws IOException {
        try (Stream<Path> inside = Files.walk(path)) {
            for (Path each : (Iterable<Path>) inside.sorted(Comparator.reverseOrder())::iterator) {
                Files.delete(each);
            }
        }
    }
}
