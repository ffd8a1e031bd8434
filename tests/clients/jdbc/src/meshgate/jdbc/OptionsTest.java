package meshgate.jdbc;

import static meshgate.jdbc.Gateway.connect;
import static meshgate.jdbc.Gateway.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The gateway's own parameters in the URL. There is a dataset `notes` in two products. */
class OptionsTest {
    private static final String NOTES = "SELECT count(*) FROM notes";

    @Test
    void withoutThemANameMayMeanTwoThings() throws SQLException {
        try (Connection connection = connect()) {
            SQLException error = assertThrows(SQLException.class, () -> rows(connection, NOTES));
            assertTrue(error.getMessage().contains("notes"), error::getMessage);
        }
    }

    @EveryDriver
    @Feature("session options")
    @Test
    void catalog() throws SQLException {
        try (Connection connection = connect("x-meshgate-catalog", "lab")) {
            assertEquals(List.of("1"), rows(connection, NOTES));
        }
        try (Connection connection = connect("x-meshgate-catalog", "shop")) {
            assertEquals(List.of("2"), rows(connection, NOTES));
        }
    }

    @EveryDriver
    @Test
    void catalogByItsShortName() throws SQLException {
        Connection connection = connect("catalog", "shop");
        assertEquals(List.of("2"), rows(connection, NOTES));
        try {
            connection.close();
        } catch (SQLException error) {
            // From 17.0.0 on the driver closes the session twice, over a channel it has shut.
            assertTrue(error.getMessage().contains("Channel shutdown"), error::getMessage);
        }
        assertThrows(SQLException.class, () -> rows(connection, NOTES));
    }

    @EveryDriver
    @Feature("session options")
    @Test
    void catalogAndSchema() throws SQLException {
        try (Connection connection = connect("x-meshgate-catalog", "shop", "schema", "terms")) {
            assertEquals(List.of("2"), rows(connection, NOTES));
        }
    }

    @Test
    void catalogOfAnOpenConnection() throws SQLException {
        try (Connection connection = connect()) {
            connection.setCatalog("shop");
            assertEquals("shop", connection.getCatalog());
            connection.setSchema("terms");
            assertEquals("terms", connection.getSchema());
            assertEquals(List.of("2"), rows(connection, "SELECT count(*) FROM shop.terms.notes"));
        }
    }

    @Feature("session options")
    @Test
    void dialect() throws SQLException {
        String sql = "SELECT `name` FROM `customers` WHERE id = 1";
        try (Connection connection = connect("dialect", "mysql")) {
            assertEquals(List.of("customer 1"), rows(connection, sql));
            SQLException error =
                    assertThrows(
                            SQLException.class,
                            () -> rows(connection, "SELECT\n`nome` FROM `customers`"));
            assertTrue(error.getMessage().contains("line 2, column 1"), error::getMessage);
        }
        try (Connection connection = connect()) {
            assertThrows(SQLException.class, () -> rows(connection, sql));
        }
    }

    @Feature("session options")
    @Test
    void dialectOfAPreparedStatement() throws SQLException {
        try (Connection connection = connect("dialect", "tsql");
                PreparedStatement statement =
                        connection.prepareStatement(
                                "SELECT TOP 1 [name] FROM [customers] WHERE id > ? ORDER BY id")) {
            statement.setLong(1, 4);
            assertEquals(List.of("customer 5"), rows(statement.executeQuery()));
        }
    }

    @Test
    void aMisspeltOptionIsRefused() {
        assertThrows(
                SQLException.class,
                () -> {
                    try (Connection connection = connect("x-meshgate-purpos", "care")) {
                        rows(connection, "SELECT 1");
                    }
                });
    }

    @Test
    void aValueThatIsNoneIsRefused() {
        SQLException error =
                assertThrows(
                        SQLException.class,
                        () -> {
                            try (Connection connection = connect("dialect", "cobol")) {
                                rows(connection, "SELECT 1");
                            }
                        });
        assertTrue(error.toString().contains("dialect"), error::toString);
    }

    @Feature("session options")
    @Test
    void verify() throws SQLException {
        try (Connection connection = connect("verify", "true", "placement", "auto")) {
            assertEquals(List.of("100"), rows(connection, "SELECT count(*) FROM orders"));
        }
    }
}
