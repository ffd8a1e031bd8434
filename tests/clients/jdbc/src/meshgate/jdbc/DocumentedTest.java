package meshgate.jdbc;

import static meshgate.jdbc.Gateway.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The connection strings of docs/clients/jdbc.md, with the names in them replaced. */
class DocumentedTest {
    @Test
    void everyConnectionString() throws Exception {
        List<String> strings =
                Files.readAllLines(Path.of(System.getProperty("gateway.page"))).stream()
                        .filter(line -> line.startsWith("jdbc:arrow-flight-sql:"))
                        .toList();
        assertTrue(strings.size() >= 8, strings::toString);
        for (String string : strings) {
            String url = here(string);
            try (Connection connection = DriverManager.getConnection(url)) {
                assertEquals(List.of("10"), rows(connection, "SELECT count(*) FROM customers"), url);
            }
        }
    }

    private static String here(String string) {
        return string.replace("localhost:8815", "localhost:" + Gateway.PORT)
                .replace("gateway.example.org:8815", "localhost:" + Gateway.TLS_PORT)
                .replace("user=alice", "user=" + Gateway.ANA[0])
                .replace("purpose=reporting", "purpose=care")
                .replace("catalog=sales&schema=shop", "catalog=shop&schema=crm")
                .replace("PASSWORD", URLEncoder.encode(Gateway.ANA[1], StandardCharsets.UTF_8))
                .replace("TOKEN", Gateway.TOKEN)
                .replace("/etc/meshgate/authority.pem", Gateway.AUTHORITY)
                .replace("/etc/meshgate/trusted.p12", Gateway.TRUST_STORE);
    }
}
