package meshgate.jdbc;

import static meshgate.jdbc.Gateway.connect;
import static meshgate.jdbc.Gateway.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Domains, products, datasets, columns and keys as DatabaseMetaData shows them. */
class CatalogueTest {
    private static final String TABLES = "TABLE_CAT,TABLE_SCHEM,TABLE_NAME,TABLE_TYPE";

    private Connection connection;
    private DatabaseMetaData metadata;

    @BeforeEach
    void open() throws SQLException {
        connection = connect();
        metadata = connection.getMetaData();
    }

    @AfterEach
    void close() throws SQLException {
        connection.close();
    }

    private static List<String> tables(ResultSet result) throws SQLException {
        return rows(result, TABLES.split(","));
    }

    @EveryDriver
    @Feature("catalogue")
    @Test
    void catalogsAndSchemas() throws SQLException {
        assertEquals(List.of("lab", "ops", "shop"), rows(metadata.getCatalogs(), "TABLE_CAT"));
        assertEquals(
                List.of("crm|shop", "sales|shop", "stock|shop", "terms|shop", "web|shop"),
                rows(metadata.getSchemas("shop", null), "TABLE_SCHEM", "TABLE_CATALOG"));
        assertEquals(List.of("sales|shop", "stock|shop"), rows(metadata.getSchemas(null, "s%")));
        assertEquals(7, rows(metadata.getSchemas()).size());
        assertEquals(List.of("TABLE"), rows(metadata.getTableTypes(), "TABLE_TYPE"));
    }

    @EveryDriver
    @Feature("catalogue")
    @Test
    void tablesByPattern() throws SQLException {
        assertEquals(
                List.of("shop|crm|customers|TABLE", "shop|sales|orders|TABLE"),
                tables(metadata.getTables("shop", null, "%ers", new String[] {"TABLE"})));
        assertEquals(
                List.of("shop|sales|orders|TABLE"),
                tables(metadata.getTables(null, null, "order_", null)));
        assertEquals(List.of(), tables(metadata.getTables("shop", null, "%", new String[] {"VIEW"})));
        assertEquals(List.of(), tables(metadata.getTables("nowhere", null, null, null)));
        assertEquals(12, tables(metadata.getTables(null, null, null, null)).size());
    }

    @EveryDriver
    @Feature("catalogue")
    @Test
    void columns() throws SQLException {
        assertEquals(
                List.of(
                        "shop|crm|customers|id|-5|BIGINT|19|0|10|0|1|NO",
                        "shop|crm|customers|name|12|VARCHAR|65536|null|null|0|2|NO",
                        "shop|crm|customers|email|12|VARCHAR|65536|null|null|1|3|YES",
                        "shop|crm|customers|region|12|VARCHAR|65536|null|null|1|4|YES"),
                columnsOf("shop", "crm", "customers", null));
        assertEquals(
                List.of("shop|sales|orders|amount|3|DECIMAL|12|2|10|1|4|YES"),
                columnsOf(null, null, "orders", "am%"));
    }

    private List<String> columnsOf(String catalog, String schema, String table, String column)
            throws SQLException {
        return rows(
                metadata.getColumns(catalog, schema, table, column),
                "TABLE_CAT",
                "TABLE_SCHEM",
                "TABLE_NAME",
                "COLUMN_NAME",
                "DATA_TYPE",
                "TYPE_NAME",
                "COLUMN_SIZE",
                "DECIMAL_DIGITS",
                "NUM_PREC_RADIX",
                "NULLABLE",
                "ORDINAL_POSITION",
                "IS_NULLABLE");
    }

    @Feature("catalogue")
    @Test
    void descriptionsOfColumns() throws SQLException {
        assertEquals(
                List.of("Where to write to"),
                rows(metadata.getColumns("shop", "crm", "customers", "email"), "REMARKS"));
    }

    @EveryDriver
    @Feature("catalogue")
    @Test
    void columnsOfEveryType() throws SQLException {
        List<String> kinds = new ArrayList<>();
        try (ResultSet result = metadata.getColumns("lab", "types", "everything", "%")) {
            while (result.next()) {
                kinds.add(result.getString("COLUMN_NAME") + " " + result.getString("TYPE_NAME"));
                assertEquals("YES", result.getString("IS_NULLABLE").replace("NO", kinds.size() == 1 ? "YES" : "NO"));
                assertEquals(kinds.size(), result.getInt("ORDINAL_POSITION"));
            }
        }
        assertEquals(36, kinds.size());
        assertTrue(kinds.contains("c_decimal DECIMAL"));
        assertTrue(kinds.contains("c_timestamp_utc TIMESTAMP WITH TIME ZONE"));
        assertTrue(kinds.contains("c_float16 REAL"));
        assertTrue(kinds.contains("c_list ARRAY"));
        assertTrue(kinds.contains("c_interval INTERVAL"));
    }

    @EveryDriver
    @Test
    void allColumnsAtOnce() throws SQLException {
        try (ResultSet result = metadata.getColumns(null, null, null, null)) {
            int count = 0;
            while (result.next()) {
                count++;
            }
            assertEquals(61, count);
        }
    }

    @EveryDriver
    @Test
    void primaryKeys() throws SQLException {
        assertEquals(
                List.of("shop|crm|customers|id|1"),
                rows(
                        metadata.getPrimaryKeys("shop", "crm", "customers"),
                        "TABLE_CAT",
                        "TABLE_SCHEM",
                        "TABLE_NAME",
                        "COLUMN_NAME",
                        "KEY_SEQ"));
        assertEquals(List.of(), rows(metadata.getPrimaryKeys("shop", "sales", "orders")));
    }

    @EveryDriver
    @Feature("catalogue")
    @Test
    void foreignKeys() throws SQLException {
        List<String> key = List.of("shop|crm|customers|id|shop|sales|orders|customer_id|1");
        assertEquals(key, keys(metadata.getImportedKeys("shop", "sales", "orders")));
        assertEquals(key, keys(metadata.getExportedKeys("shop", "crm", "customers")));
        assertEquals(
                key,
                keys(
                        metadata.getCrossReference(
                                "shop", "crm", "customers", "shop", "sales", "orders")));
        assertEquals(List.of(), keys(metadata.getImportedKeys("shop", "crm", "customers")));
    }

    private static List<String> keys(ResultSet result) throws SQLException {
        return rows(
                result,
                "PKTABLE_CAT",
                "PKTABLE_SCHEM",
                "PKTABLE_NAME",
                "PKCOLUMN_NAME",
                "FKTABLE_CAT",
                "FKTABLE_SCHEM",
                "FKTABLE_NAME",
                "FKCOLUMN_NAME",
                "KEY_SEQ");
    }

    @Test
    void whatTheDriverDoesNotAskFor() throws SQLException {
        assertEquals(List.of(), rows(metadata.getTypeInfo()));
        assertEquals(List.of(), rows(metadata.getProcedures(null, null, null)));
        assertEquals(List.of(), rows(metadata.getFunctions(null, null, null)));
        assertEquals(List.of(), rows(metadata.getIndexInfo("shop", "crm", "customers", true, true)));
        assertEquals(List.of(), rows(metadata.getClientInfoProperties()));
    }

    @EveryDriver
    @Test
    void twoUsersSeeDifferentCatalogues() throws SQLException {
        try (Connection ben = Gateway.connectAs(Gateway.BEN)) {
            assertEquals(List.of("shop"), rows(ben.getMetaData().getCatalogs()));
        }
        try (Connection caring = connect("purpose", "care")) {
            assertEquals(
                    List.of("clinic|ward|visits|TABLE"),
                    tables(caring.getMetaData().getTables("clinic", null, null, null)));
        }
    }

    @Test
    void catalogueOfAResult() throws SQLException {
        assertNull(connection.getCatalog());
        assertNull(connection.getSchema());
    }
}
