package meshgate.jdbc;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;

/** The gateway the checks ask: system properties say where it is, and who may log in. */
final class Gateway {
    static final int PORT = Integer.getInteger("gateway.port");
    static final int TLS_PORT = Integer.getInteger("gateway.tlsPort");
    static final String TOKEN = System.getProperty("gateway.token");
    static final String AUTHORITY = System.getProperty("gateway.authority");
    static final String TRUST_STORE = System.getProperty("gateway.trustStore");
    static final String[] ANA = {"ana", "ana's password"};
    static final String[] BEN = {"ben", "ben's password"};

    private Gateway() {}

    /** A connection of Ana; more of the URL's parameters come as name, value, name, value. */
    static Connection connect(String... parameters) throws SQLException {
        return connectAs(ANA, parameters);
    }

    static Connection connectAs(String[] user, String... parameters) throws SQLException {
        Properties properties = properties(parameters);
        properties.putIfAbsent("user", user[0]);
        properties.putIfAbsent("password", user[1]);
        properties.putIfAbsent("useEncryption", "false");
        return DriverManager.getConnection(url(PORT), properties);
    }

    /** A connection with nothing but these parameters. */
    static Connection connectWith(int port, String... parameters) throws SQLException {
        return DriverManager.getConnection(url(port), properties(parameters));
    }

    static String url(int port) {
        return "jdbc:arrow-flight-sql://localhost:" + port;
    }

    /** The rows as text, values joined by "|"; NULL is "null". */
    static List<String> rows(ResultSet result, String... columns) throws SQLException {
        List<String> rows = new ArrayList<>();
        try (result) {
            int count = result.getMetaData().getColumnCount();
            while (result.next()) {
                List<String> values = new ArrayList<>();
                if (columns.length == 0) {
                    for (int i = 1; i <= count; i++) {
                        values.add(result.getString(i));
                    }
                }
                for (String column : columns) {
                    values.add(result.getString(column));
                }
                rows.add(values.stream().map(String::valueOf).collect(Collectors.joining("|")));
            }
        }
        return rows;
    }

    static List<String> rows(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return rows(statement.executeQuery(sql));
        }
    }

    /** The answer of a query whose rows are a name and a value. */
    static Map<String, String> pairs(ResultSet result) throws SQLException {
        Map<String, String> pairs = new LinkedHashMap<>();
        try (result) {
            while (result.next()) {
                pairs.put(result.getString(1), result.getString(2));
            }
        }
        return pairs;
    }

    private static Properties properties(String... parameters) {
        Properties properties = new Properties();
        for (int i = 0; i < parameters.length; i += 2) {
            properties.setProperty(parameters[i], parameters[i + 1]);
        }
        return properties;
    }
}
