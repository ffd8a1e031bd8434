package meshgate.jdbc;

import static meshgate.jdbc.Gateway.connect;
import static meshgate.jdbc.Gateway.rows;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What DBeaver asks of a database it knows nothing of (its "generic" driver), call by call. */
class DbeaverTest {
    private static final String EVERYTHING = "%";

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

    @Test
    void connecting() throws SQLException {
        rows(metadata.getClientInfoProperties()); // looked through for ApplicationName
        assertEquals("Meshgate", metadata.getDatabaseProductName());
        assertNotNull(metadata.getDatabaseProductVersion());
        assertNotNull(metadata.getDriverName());
        assertNotNull(metadata.getDriverVersion());
        assertTrue(metadata.getDatabaseMajorVersion() >= 0);
        assertTrue(metadata.getDatabaseMinorVersion() >= 0);
        assertEquals("product", metadata.getSchemaTerm());
        assertEquals("domain", metadata.getCatalogTerm());
        assertEquals("", metadata.getProcedureTerm());
        assertFalse(metadata.supportsBatchUpdates());
        assertFalse(metadata.supportsTransactions());
        assertTrue(connection.getAutoCommit());
        assertNull(connection.getCatalog());
        assertNull(connection.getSchema());
        connection.setAutoCommit(true);
        connection.setReadOnly(true);
        assertTrue(connection.isValid(10));
        connection.getWarnings();
        connection.clearWarnings();
    }

    @Test
    void theDialect() throws SQLException {
        assertEquals("\"", metadata.getIdentifierQuoteString());
        assertFalse(metadata.supportsMixedCaseIdentifiers());
        assertTrue(metadata.supportsMixedCaseQuotedIdentifiers());
        assertFalse(metadata.storesMixedCaseIdentifiers());
        metadata.storesUpperCaseIdentifiers();
        metadata.storesLowerCaseIdentifiers();
        metadata.storesUpperCaseQuotedIdentifiers();
        metadata.storesLowerCaseQuotedIdentifiers();
        metadata.storesMixedCaseQuotedIdentifiers();
        assertTrue(metadata.getSQLKeywords().contains("LIMIT"));
        assertTrue(metadata.getNumericFunctions().contains("ABS"));
        assertTrue(metadata.getStringFunctions().contains("LOWER"));
        assertTrue(metadata.getSystemFunctions().contains("COALESCE"));
        assertTrue(metadata.getTimeDateFunctions().contains("EXTRACT"));
        assertEquals("\\", metadata.getSearchStringEscape());
        assertEquals(".", metadata.getCatalogSeparator());
        assertTrue(metadata.isCatalogAtStart());
        assertEquals("", metadata.getExtraNameCharacters());
        assertTrue(metadata.supportsCatalogsInDataManipulation());
        assertTrue(metadata.supportsCatalogsInTableDefinitions());
        metadata.supportsCatalogsInProcedureCalls();
        metadata.supportsCatalogsInIndexDefinitions();
        metadata.supportsCatalogsInPrivilegeDefinitions();
        assertTrue(metadata.supportsSchemasInDataManipulation());
        assertTrue(metadata.supportsSchemasInTableDefinitions());
        metadata.supportsSchemasInProcedureCalls();
        metadata.supportsSchemasInIndexDefinitions();
        metadata.supportsSchemasInPrivilegeDefinitions();
        metadata.supportsSubqueriesInIns();
    }

    @Feature("catalogue")
    @Test
    void theTree() throws SQLException {
        rows(metadata.getTypeInfo());
        assertEquals(List.of("TABLE"), rows(metadata.getTableTypes(), "TABLE_TYPE"));
        int tables = 0;
        for (String catalog : rows(metadata.getCatalogs(), "TABLE_CAT")) {
            for (String schema : rows(metadata.getSchemas(catalog, EVERYTHING), "TABLE_SCHEM")) {
                tables += aSchema(catalog, schema);
            }
        }
        assertEquals(12, tables);
    }

    private int aSchema(String catalog, String schema) throws SQLException {
        List<String> names =
                rows(
                        metadata.getTables(catalog, escaped(schema), EVERYTHING, null),
                        "TABLE_NAME");
        rows(metadata.getColumns(catalog, escaped(schema), EVERYTHING, EVERYTHING));
        rows(metadata.getFunctions(catalog, escaped(schema), EVERYTHING));
        rows(metadata.getProcedures(catalog, escaped(schema), EVERYTHING));
        rows(metadata.getPrimaryKeys(catalog, schema, EVERYTHING));
        rows(metadata.getImportedKeys(catalog, schema, EVERYTHING));
        for (String table : names) {
            ResultSet columns =
                    metadata.getColumns(catalog, escaped(schema), escaped(table), EVERYTHING);
            assertFalse(rows(columns, "COLUMN_NAME").isEmpty(), table);
            rows(metadata.getPrimaryKeys(catalog, schema, table));
            rows(metadata.getImportedKeys(catalog, schema, table));
            rows(metadata.getExportedKeys(catalog, schema, table));
            rows(metadata.getIndexInfo(catalog, schema, table, false, true));
        }
        return names.size();
    }

    private static String escaped(String name) {
        return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%");
    }

    @Test
    void aPageOfData() throws SQLException {
        for (String table : List.of("lab.types.everything", "lab.types.odd", "shop.web.events")) {
            try (Statement statement =
                    connection.createStatement(
                            ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY)) {
                statement.setMaxRows(200);
                statement.setFetchSize(200);
                statement.setQueryTimeout(20);
                assertTrue(statement.execute("SELECT x.* FROM " + table + " x"));
                assertEquals(-1, statement.getUpdateCount());
                ResultSet result = statement.getResultSet();
                ResultSetMetaData columns = result.getMetaData();
                described(columns);
                int count = 0;
                while (result.next()) {
                    count++;
                    for (int i = 1; i <= columns.getColumnCount(); i++) {
                        value(result, i, columns.getColumnType(i));
                    }
                }
                assertTrue(count <= 200);
                assertFalse(statement.getMoreResults());
                assertNull(statement.getWarnings());
            }
        }
    }

    private static void described(ResultSetMetaData columns) throws SQLException {
        for (int i = 1; i <= columns.getColumnCount(); i++) {
            assertNotNull(columns.getColumnName(i));
            assertNotNull(columns.getColumnLabel(i));
            assertNotNull(columns.getColumnTypeName(i));
            columns.getCatalogName(i);
            columns.getSchemaName(i);
            columns.getTableName(i);
            columns.getColumnDisplaySize(i);
            columns.getPrecision(i);
            columns.getScale(i);
            columns.isNullable(i);
            columns.isAutoIncrement(i);
            columns.isReadOnly(i);
            columns.isSearchable(i);
        }
    }

    /** A value as DBeaver takes it: by a getter of its type where there is one. */
    private static void value(ResultSet result, int column, int type) {
        assertDoesNotThrow(
                () ->
                        switch (type) {
                            case Types.TIMESTAMP, Types.TIMESTAMP_WITH_TIMEZONE ->
                                    result.getTimestamp(column);
                            case Types.DATE -> result.getDate(column);
                            case Types.TIME, Types.TIME_WITH_TIMEZONE -> result.getTime(column);
                            case Types.CHAR, Types.VARCHAR, Types.LONGVARCHAR ->
                                    result.getString(column);
                            case Types.BINARY, Types.VARBINARY, Types.LONGVARBINARY ->
                                    result.getBytes(column);
                            case Types.BOOLEAN -> result.getBoolean(column);
                            default -> result.getObject(column);
                        });
    }

    @Test
    void filteredSortedAndCounted() throws SQLException {
        assertEquals(
                List.of("9|customer 9|c009@example.org|EU", "7|customer 7|c007@example.org|EU"),
                rows(
                        connection,
                        "SELECT x.* FROM shop.crm.customers x\nWHERE x.region='EU'\n"
                                + "ORDER BY x.id DESC LIMIT 2"));
        assertEquals(
                List.of("10"), rows(connection, "SELECT COUNT(*) FROM shop.crm.customers x"));
        assertEquals(
                List.of("5"),
                rows(
                        connection,
                        "SELECT COUNT(*) FROM (SELECT * FROM customers WHERE region='EU') dbvrcnt"));
        assertEquals(
                List.of("EU|5", "US|5"),
                rows( // grouping panel
                        connection,
                        "SELECT region, COUNT(*) FROM (SELECT * FROM customers) sub_query "
                                + "GROUP BY region ORDER BY region"));
    }
}
