import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** One call of the old API by each client of the JDK, with nothing but its defaults. */
class Token {
    static final URI URL =
            URI.create("https://oapi.dingtalk.com/gettoken?appkey=dingsandboxapp&appsecret=sandbox-app-secret");

    public static void main(String[] ignored) throws Exception {
        var request = HttpRequest.newBuilder(URL).build();
        System.out.println(HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());
        try (var answer = URL.toURL().openStream()) {
            System.out.println(new String(answer.readAllBytes()));
        }
    }
}
