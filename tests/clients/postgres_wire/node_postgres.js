// Checks of node-postgres: node node_postgres.js MODULES PORT TLS_PORT AUTHORITY PAGE TOKEN
// prints a line of JSON for each: what failed it, "" for nothing.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");

const [modules, port, tlsPort, authority, page, token] = process.argv.slice(2);
const { Client, Pool, Query } = require(path.join(modules, "pg"));
const Cursor = require(path.join(modules, "pg-cursor"));

const PLACE = {
  host: "127.0.0.1",
  port: Number(port),
  user: "alice",
  password: "wonderland",
  database: "mesh",
};
const LONG = "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id";

/** What some work gives that is done with a client; `more` is about the connection. */
async function connected(work, more = {}) {
  const client = new Client({ ...PLACE, ...more });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const values = async (client, ...asked) =>
  (await client.query(...asked)).rows.map((row) => Object.values(row));

const CHECKS = {
  "user and password": async () => {
    const text = "SELECT count(*) FROM sales.shop.orders";
    assert.deepEqual(await connected((client) => values(client, text)), [["100"]]);
    await assert.rejects(connected(() => null, { password: "guess" }), { code: "28P01" });
  },

  token: async () => {
    const user = "token";
    const text = "SELECT count(*) FROM sales.shop.orders";
    const ask = (client) => values(client, text);
    assert.deepEqual(await connected(ask, { user, password: token }), [["100"]]);
    const wrong = { user, password: token.slice(0, -8) + "AAAAAAAA" };
    await assert.rejects(connected(ask, wrong), { code: "28P01" });
  },

  catalogue: async () => {
    const text = "SELECT table_schema FROM information_schema.tables WHERE table_name = $1";
    const bob = { user: "bob", password: "builder" };
    for (const [user, seen] of [[{}, [["hr.staff"]]], [bob, []]]) {
      await connected(async (client) => {
        assert.deepEqual(await values(client, text, ["people"]), seen);
        assert.deepEqual(await values(client, text, ["orders"]), [["sales.shop"]]);
      }, user);
    }
  },

  TLS: async () => {
    const ca = fs.readFileSync(authority);
    const there = { port: Number(tlsPort) };
    const ask = (client) => values(client, "SELECT 1");
    assert.deepEqual(await connected(ask, { ...there, ssl: { ca } }), [["1"]]);
    await assert.rejects(connected(ask, { ...there, ssl: {} }), /certificate/);
  },

  "all types": async () => {
    for (const binary of [false, true]) {
      const asked = { text: "SELECT * FROM sales.types.kinds", values: [], binary };
      const { rows } = await connected((client) => client.query(asked));
      const [first, second, third] = rows;
      assert.equal(first.k_bool, true);
      assert.equal(first.k_int32, -(2 ** 31));
      assert.equal(first.k_int64, "-9223372036854775808");
      assert.equal(second.k_uint64, "18446744073709551615");
      assert.equal(first.k_float64, 0.1);
      assert.equal(first.k_decimal, "-12345.67");
      assert.equal(second.k_text, 'ü "quoted", \\ 雪');
      assert.deepEqual(first.k_bytes, Buffer.from([0, 255]));
      assert.deepEqual(second.k_instant, new Date(Date.UTC(2024, 6, 1, 12, 30, 0, 500)));
      assert.equal(second.k_time, "23:59:59.999999");
      assert.deepEqual(first.k_list, [1, null, 3]);
      assert.deepEqual(first.k_words, ["a b", "", "NULL", null, '"\\']);
      assert.deepEqual(first.k_struct, { a: 1, b: "x" });
      assert.deepEqual(new Set(Object.values(third)), new Set([null]));
    }
  },

  "prepared parameters": async () => {
    await connected(async (client) => {
      const text = "SELECT id FROM sales.shop.orders WHERE amount = $1 AND customer = $2 AND id < $3";
      for (const name of ["", "by name", "by name"]) {
        const asked = { name, text, values: ["1.25", "customer 5", 99] };
        assert.deepEqual(await values(client, asked), [["6"]]);
      }
      assert.deepEqual(await values(client, text, [null, "x", 1]), []);
      const cast = "SELECT $1::int AS a, $2::int AS b, $3::text, $4::bool, $5::float8";
      assert.deepEqual(await values(client, cast, [5, 5, "x", true, 0.5]), [[5, 5, "x", true, 0.5]]);
      for (const [column, value] of [
        ["k_instant", new Date(Date.UTC(2024, 6, 1, 12, 30, 0, 500))],
        ["k_date", new Date(9999, 11, 31, 23, 30)],
        ["k_bytes", Buffer.from([])],
        ["k_time", "23:59:59.999999"],
        ["k_bool", false],
      ]) {
        const found = `SELECT k_int8 FROM sales.types.kinds WHERE ${column} = $1`;
        assert.deepEqual(await values(client, found, [value]), [[127]], column);
      }
      const list = "SELECT id FROM sales.shop.orders WHERE id IN ($1)";
      const refused = { code: "22P02", hint: /write = ANY\(\$1\) in place of IN \(\$1\)/ };
      await assert.rejects(client.query(list, [[1, 2]]), refused);
    });
  },

  "arrays of parameters": async () => {
    const text = "SELECT customer FROM sales.shop.orders WHERE id = $1";
    const ids = [1, 2, 3, 4];
    const found = await connected(
      (client) => Promise.all(ids.map((id) => values(client, text, [id]))),
      { pipeline: true },
    );
    assert.deepEqual(found, ids.map((id) => [[`customer ${id - 1}`]]));
  },

  "error with position": async () => {
    await connected(async (client) => {
      const text = "SELECT id,\n nope FROM sales.shop.orders";
      await assert.rejects(client.query(text), { code: "42703", position: "13" });
      await assert.rejects(client.query("SELECT * FROM sales.shop.ordres"), {
        hint: "did you mean sales.shop.orders?",
      });
      assert.deepEqual(await values(client, "SELECT 1"), [["1"]]);
    });
  },

  "one million rows": async () => {
    await connected(async (client) => {
      const cursor = client.query(new Cursor("SELECT id FROM sales.shop.million"));
      let count = 0;
      let sum = 0;
      for (let rows; (rows = await cursor.read(10_000)).length; ) {
        count += rows.length;
        for (const { id } of rows) sum += Number(id);
      }
      await cursor.close();
      assert.deepEqual([count, sum], [1_000_000, 499_999_500_000]);
    });
  },

  transactions: async () => {
    await connected(async (client) => {
      await client.query("BEGIN READ ONLY");
      assert.deepEqual(await values(client, "SELECT 1"), [["1"]]);
      await assert.rejects(client.query("DELETE FROM sales.shop.orders"), { code: "25006" });
      await assert.rejects(client.query("SELECT 1"), { code: "25P02" });
      await client.query("ROLLBACK");
      assert.deepEqual(await values(client, "SELECT 2"), [["2"]]);
    });
  },

  writing: async () => {
    await connected(async (client) => {
      const refused = { code: "25006", message: /the gateway only reads/ };
      for (const [text, given] of [
        ["DELETE FROM sales.shop.orders"],
        ["CREATE TABLE t (id int)"],
        ["INSERT INTO sales.shop.orders (id) VALUES ($1)", [7]],
      ]) {
        await assert.rejects(client.query(text, given), refused);
      }
      const one = "SELECT id FROM sales.shop.orders WHERE id = $1";
      await assert.rejects(client.query(one, [1, 2]), { code: "08P01" });
      assert.deepEqual(await values(client, one, [7]), [["7"]]);
    });
  },

  cancel: async () => {
    await connected(async (client) => {
      const query = new Query(LONG);
      const failed = new Promise((resolve) => query.once("error", resolve));
      client.query(query);
      setTimeout(() => new Client(PLACE).cancel(client, query), 500);
      assert.equal((await failed).code, "57014");
      assert.deepEqual(await values(client, "SELECT 1"), [["1"]]);
    });
  },

  purpose: async () => {
    const ask = (client) => values(client, "SHOW meshgate.purpose");
    const declared = (purpose) => ({ options: `-c meshgate.purpose=${purpose}` });
    assert.deepEqual(await connected(ask, declared("reporting")), [["reporting"]]);
    await assert.rejects(connected(ask, declared("fun")), /fun is not granted/);
  },

  timeout: async () => {
    const waiting = (client) => client.query(LONG);
    await assert.rejects(connected(waiting, { statement_timeout: 300 }), { code: "57014" });
  },

  "session options": async () => {
    const pool = new Pool({ ...PLACE, max: 4, options: "-c meshgate.placement=pull" });
    try {
      const asked = [...Array(20).keys()].map((i) =>
        pool.query("SELECT $1::int8 * count(*) AS n FROM sales.shop.orders", [i]),
      );
      const found = (await Promise.all(asked)).map(({ rows }) => Number(rows[0].n));
      assert.deepEqual(found, [...Array(20).keys()].map((i) => 100 * i));
      const { rows } = await pool.query("SHOW meshgate.placement");
      assert.deepEqual(rows, [{ "meshgate.placement": "pull" }]);
    } finally {
      await pool.end();
    }
  },
};

/** What the page of docs/clients says, run as it stands but for the port. */
async function documented() {
  const text = fs.readFileSync(page, "utf8").match(/```js\n([^]*?)```/)[1];
  const run = new Function("require", text.replace("5432", port) + "return read();");
  const rows = await run((name) => require(path.join(modules, name)));
  assert.deepEqual(rows, [
    { id: "6", amount: "1.25" },
    { id: "13", amount: "3.00" },
  ]);
}

(async () => {
  CHECKS.documented = documented;
  for (const [feature, check] of Object.entries(CHECKS)) {
    let failure = "";
    try {
      await check();
    } catch (error) {
      failure = String(error.stack || error);
    }
    console.log(JSON.stringify({ feature, failure }));
  }
})();
