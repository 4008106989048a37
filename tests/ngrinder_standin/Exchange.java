import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.CookieManager;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** One request and its response. */
final class Exchange {
    final List<String[]> headers = new ArrayList<>();
    HttpURLConnection connection;
    byte[] body; // null for a method without a body
    long status;
    boolean endedEarly; // the body, before its announced length or its last chunk
    byte[] response = new byte[0];
    private final String method;
    private final String target;
    private final Settings settings;

    Exchange(String method, String target, Settings settings) {
        this.method = method;
        this.target = target;
        this.settings = settings;
    }

    /** Sends it; false if no complete response came. A body that is shorter than announced is incomplete. */
    boolean perform(CookieManager cookies) {
        try {
            connection = (HttpURLConnection) new URL(target).openConnection();
            connection.setRequestMethod(method);
            connection.setInstanceFollowRedirects(false);
            connection.setConnectTimeout(settings.timeoutMs);
            connection.setReadTimeout(settings.readTimeoutMs);
            headers.forEach(pair -> connection.setRequestProperty(pair[0], pair[1]));
            for (Map.Entry<String, List<String>> entry : cookies.get(URI.create(target), Map.of()).entrySet()) {
                entry.getValue().forEach(value -> connection.addRequestProperty(entry.getKey(), value));
            }
            if (!settings.keepAlive) {
                connection.setRequestProperty("Connection", "close");
            }
            if (body != null) {
                connection.setDoOutput(true);
                connection.setRequestProperty("Expect", "100-continue");
                connection.setFixedLengthStreamingMode(body.length);
                try (OutputStream out = connection.getOutputStream()) {
                    out.write(body);
                }
            }
            status = connection.getResponseCode();
            InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream();
            if (in != null) {
                response = in.readAllBytes();
                in.close();
            }
            cookies.put(URI.create(target), connection.getHeaderFields());
            long announced = connection.getContentLengthLong(); // HttpURLConnection accepts fewer bytes
            endedEarly = announced >= 0 && !method.equals("HEAD") && response.length != announced;
            return !endedEarly;
        } catch (IOException error) { // the real client does not show whether a reset or late connection had sent a part
            endedEarly = status > 0 && "Premature EOF".equals(error.getMessage());
            return false;
        }
    }
}
