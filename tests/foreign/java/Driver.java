// The JDK's HttpClient and its WebSocket: java Driver.java BASE FEED TOKEN stream|websocket 1.1|2.
// Speaks as drivers/console.py says. HttpClient offers h2c with its requests where nobody says 1.1.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

class Driver {
    static final Pattern CURSOR = Pattern.compile("\"cursor\":\"([^\"]+)\"");
    static final Pattern PLACED = Pattern.compile("\"type\":\"(hello|reset|post\\.|feed\\.)");
    static final int BACK_AFTER_MS = 200;
    static String feed, live, token, cursor;
    static HttpClient client;

    static synchronized void say(String json) {
        System.out.println(json);
        System.out.flush();
    }

    static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    static void heard(String message) {
        say("{\"heard\": " + message + "}");
        Matcher found = CURSOR.matcher(message);
        if (PLACED.matcher(message).find() && found.find()) cursor = found.group(1);
    }

    static HttpRequest.Builder to(String address) {
        return HttpRequest.newBuilder(URI.create(address))
            .timeout(Duration.ofSeconds(20))
            .header("Authorization", "Bearer " + token);
    }

    static HttpResponse<String> send(HttpRequest request) throws Exception {
        return client.send(request, HttpResponse.BodyHandlers.ofString());
    }

    static void publish(String body) throws Exception {
        var made = send(to(feed + "/posts").header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body)).build());
        say("{\"did\": \"publish\", \"status\": " + made.statusCode()
            + ", \"answer\": " + quoted(made.body()) + "}");
    }

    static void edit(String post, String changes) throws Exception {
        String address = feed + "/posts/" + post;
        var held = send(to(address).build());
        String tag = held.headers().firstValue("etag").orElse("");
        var made = send(to(address).header("Content-Type", "application/json")
            .header("If-Match", tag)
            .method("PATCH", HttpRequest.BodyPublishers.ofString(changes)).build());
        say("{\"did\": \"edit\", \"status\": " + made.statusCode()
            + ", \"answer\": " + quoted(tag) + "}");
    }

    static void stream() throws Exception {
        var request = HttpRequest.newBuilder(URI.create(feed + "/events"))
            .header("Accept", "text/event-stream").header("Last-Event-ID", cursor).build();
        var answer = client.send(request, HttpResponse.BodyHandlers.ofLines());
        answer.body().filter(line -> line.startsWith("data:"))
            .forEach(line -> heard(line.substring(5).strip()));
    }

    static void websocket() throws Exception {
        var over = new CompletableFuture<Void>();
        var text = new StringBuilder();
        client.newWebSocketBuilder().buildAsync(URI.create(live + cursor), new WebSocket.Listener() {
            @Override
            public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                text.append(data);
                if (last) {
                    heard(text.toString());
                    text.setLength(0);
                }
                socket.request(1);
                return null;
            }

            @Override
            public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
                over.complete(null);
                return null;
            }

            @Override
            public void onError(WebSocket socket, Throwable error) {
                over.complete(null);
            }
        }).get(10, TimeUnit.SECONDS);
        // A beat comes every 25 seconds: a line that is silent for longer is none.
        over.get(40, TimeUnit.SECONDS);
    }

    static void follow(boolean socket) {
        while (true) {
            try {
                if (socket) websocket();
                else stream();
            } catch (Exception broken) {
                // It comes back, from its cursor.
            }
            try {
                Thread.sleep(BACK_AFTER_MS);
            } catch (InterruptedException ended) {
                return;
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        feed = arguments[0] + "/v1/feeds/" + arguments[1];
        live = arguments[0].replaceFirst("http", "ws") + "/v1/live?feed=" + arguments[1] + "@";
        token = arguments[2];
        boolean socket = arguments[3].equals("websocket");
        var version = arguments[4].equals("1.1")
            ? HttpClient.Version.HTTP_1_1 : HttpClient.Version.HTTP_2;
        client = HttpClient.newBuilder().version(version).build();
        say("{\"did\": \"start\"}");
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ", 2);
            if (words[0].equals("publish")) publish(words[1]);
            else if (words[0].equals("edit")) {
                String[] parts = words[1].split(" ", 2);
                edit(parts[0], parts[1]);
            } else if (words[0].equals("follow")) {
                cursor = words[1];
                var thread = new Thread(() -> follow(socket));
                thread.setDaemon(true);
                thread.start();
            }
        }
        System.exit(0);
    }
}
