//! What a mapping may say, what it is told when it says more, and what runs out of it.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::Int64Type;

use super::*;

fn text_schema(names: &[&str]) -> Schema {
    Schema::new(names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>())
}

fn lookups() -> Lookups {
    let text = |values: &[&str]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let rows = RecordBatch::try_new(
        Arc::new(text_schema(&["sku", "shop", "category"])),
        vec![text(&["1", "2"]), text(&["a", "a"]), text(&["toys", "books"])],
    )
    .unwrap();
    let table = |key: &[&str]| LookupTable {
        key: key.iter().map(|key| (*key).to_owned()).collect(),
        table: Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows.clone()]]).unwrap()),
    };
    Lookups::from([("products".into(), table(&["sku"])), ("stock".into(), table(&["sku", "shop"]))])
}

fn engine() -> Engine {
    Engine::new(lookups()).unwrap()
}

fn prepare(sql: &[&str], columns: &[&str], open_ended: bool) -> Prepared {
    let engine = engine();
    let parsed: Vec<Parsed> =
        sql.iter().map(|sql| engine.parse(sql).unwrap_or_else(|found| panic!("{sql}: {found:?}"))).collect();
    futures::executor::block_on(Program::prepare(&engine, &parsed, &text_schema(columns), open_ended))
}

/// Runs `sql` over rows of text columns; the output as text with the row number first.
fn run(sql: &str, columns: &[&str], rows: &[&[Option<&str>]]) -> Vec<Vec<Option<String>>> {
    let prepared = prepare(&[sql], columns, false);
    let program = prepared.program.unwrap_or_else(|| panic!("{:?}", prepared.problems));
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(1..=rows.len() as i64))];
    let mut fields = vec![Field::new(ROW, DataType::Int64, false)];
    for name in &program.columns {
        let at = columns.iter().position(|column| column == name).unwrap();
        arrays.push(Arc::new(rows.iter().map(|row| row[at]).collect::<StringArray>()));
        fields.push(Field::new(name, DataType::Utf8, true));
    }
    let chunk = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let output = crate::typing::in_row_order(runtime.block_on(program.run(0, &chunk)).unwrap());
    assert!(output.column_by_name(ROW).unwrap().as_primitive_opt::<Int64Type>().is_some());
    let shown: Vec<StringArray> = output.columns().iter().map(crate::typing::convert::text).collect();
    let cell = |column: &StringArray, row: usize| column.is_valid(row).then(|| column.value(row).to_owned());
    (0..output.num_rows()).map(|row| shown.iter().map(|column| cell(column, row)).collect()).collect()
}

fn cells(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|cell| (*cell != "-").then(|| (*cell).to_owned())).collect()
}

#[test]
fn every_select_carries_the_row_number() {
    let rows: &[&[Option<&str>]] = &[&[Some("x"), Some("1")], &[Some("y"), None], &[Some("z"), Some("2")]];
    let columns = ["name", "n"];
    assert_eq!(run("SELECT name AS id FROM raw WHERE n IS NOT NULL", &columns, rows), [cells(&["1", "x"]), cells(&["3", "z"])]);
    assert_eq!(run("SELECT *, upper(name) AS u FROM raw", &columns, &rows[..1]), [cells(&["1", "x", "1", "X"])]);
    assert_eq!(run("SELECT r.* FROM (SELECT * FROM raw) AS r", &columns, &rows[..1]), [cells(&["1", "x", "1"])]);
    let union = "SELECT name FROM raw WHERE n IS NULL UNION ALL SELECT n FROM raw WHERE n IS NOT NULL";
    assert_eq!(run(union, &columns, rows), [cells(&["1", "1"]), cells(&["2", "y"]), cells(&["3", "2"])]);
    let cte = "WITH filled AS (SELECT name AS a FROM raw WHERE n IS NOT NULL) SELECT a FROM filled";
    assert_eq!(run(cte, &columns, rows), [cells(&["1", "x"]), cells(&["3", "z"])]);
}

#[test]
fn one_row_becomes_many_facts() {
    let sql = "SELECT id || ':' || step['name'] AS id, step['at'] AS occurred_at
        FROM (SELECT *, unnest([named_struct('name', 'placed', 'at', a), named_struct('name', 'sent', 'at', b)]) AS step FROM raw)
        WHERE step['at'] IS NOT NULL";
    let rows: &[&[Option<&str>]] = &[&[Some("o1"), Some("1"), Some("2")], &[Some("o2"), Some("3"), None]];
    let expected = [cells(&["1", "o1:placed", "1"]), cells(&["1", "o1:sent", "2"]), cells(&["2", "o2:placed", "3"])];
    assert_eq!(run(sql, &["id", "a", "b"], rows), expected);
}

#[test]
fn a_lookup_keeps_every_row_once() {
    let sql = "SELECT raw.sku AS id, p.category AS product FROM raw LEFT JOIN products AS p ON p.sku = raw.sku";
    let rows: &[&[Option<&str>]] = &[&[Some("2")], &[Some("9")], &[None], &[Some("1")], &[Some("1")]];
    let expected = [
        cells(&["1", "2", "books"]),
        cells(&["2", "9", "-"]),
        cells(&["3", "-", "-"]),
        cells(&["4", "1", "toys"]),
        cells(&["5", "1", "toys"]),
    ];
    assert_eq!(run(sql, &["sku"], rows), expected);
}

#[test]
fn json_and_names_in_any_case() {
    let rows: &[&[Option<&str>]] = &[&[Some(r#"{"a": {"b": "x"}}"#)]];
    assert_eq!(run("SELECT PAYLOAD->'a'->>'b' AS v FROM Raw", &["Payload"], rows), [cells(&["1", "x"])]);
    assert_eq!(run("SELECT json_get_str(payload, 'a', 'b') AS v FROM raw", &["Payload"], rows), [cells(&["1", "x"])]);
}

#[test]
fn what_needs_several_rows_is_refused_where_it_stands() {
    let cases = [
        ("SELECT count(*) AS n FROM raw", 1, "count aggregates several rows"),
        ("SELECT a,\n  row_number() OVER (ORDER BY a) AS n FROM raw", 2, "over a window"),
        ("SELECT DISTINCT a FROM raw", 1, "DISTINCT"),
        ("SELECT a FROM raw\nORDER BY a", 2, "ORDER BY"),
        ("SELECT a FROM raw\n\nLIMIT 5", 3, "LIMIT"),
        ("SELECT a FROM raw GROUP BY a", 1, "GROUP BY"),
        ("SELECT a FROM raw UNION SELECT b FROM raw", 1, "only UNION ALL"),
        ("SELECT a FROM raw JOIN products ON products.sku = a", 1, "only LEFT JOIN"),
        ("SELECT a FROM raw LEFT JOIN products ON products.category = a", 1, "on its whole key (sku)"),
        ("SELECT a FROM raw LEFT JOIN stock ON stock.sku = a", 1, "on its whole key (sku, shop)"),
        ("SELECT a FROM raw LEFT JOIN product ON product.sku = a", 1, "did you mean products?"),
        ("SELECT a FROM raw, products", 1, "cross join"),
        ("SELECT a FROM products", 1, "are called raw"),
        ("SELECT (SELECT max(sku) FROM products) AS m FROM raw", 1, "sub-query"),
        ("SELECT a FROM raw WHERE a IN (SELECT sku FROM products)", 1, "sub-query"),
        ("SELECT now() AS occurred_at FROM raw", 1, "another answer each time"),
        ("SELECT random() AS r FROM raw", 1, "another answer each time"),
        ("SELECT 1 AS one", 1, "without FROM"),
        ("DELETE FROM raw", 1, "one SELECT"),
        ("SELECT a FROM raw; SELECT b FROM raw", 1, "one SELECT"),
        ("SELECT a FROM raw WHERE (a = 1", 1, "not SQL"),
        ("SELECT 'open FROM raw", 1, "not SQL"),
    ];
    for (sql, line, words) in cases {
        let problems = engine().parse(sql).expect_err(sql);
        assert!(problems.iter().any(|problem| problem.message.contains(words)), "{sql}: {problems:?}");
        assert!(problems.iter().any(|problem| problem.line == Some(line)), "{sql}: {problems:?}");
        assert!(problems.iter().all(|problem| !problem.remedy.is_empty()));
    }
    let several = "SELECT DISTINCT sum(a) AS s FROM raw ORDER BY 1 LIMIT 3";
    assert_eq!(engine().parse(several).unwrap_err().len(), 4, "all at once");
}

#[test]
fn every_unknown_column_is_told_at_once_with_the_nearest() {
    let prepared = prepare(
        &["SELECT order_idd AS id,\n custmer AS identifier_user_id, amount FROM raw"],
        &["order_id", "customer", "amount"],
        false,
    );
    let told: Vec<(Option<usize>, String)> =
        prepared.problems.into_iter().map(|(_, problem)| (problem.line, problem.message)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], (Some(1), "the file has no column order_idd: did you mean order_id?".into()));
    assert_eq!(told[1], (Some(2), "the file has no column custmer: did you mean customer?".into()));
    let open = prepare(&["SELECT later AS id FROM raw"], &["a"], true);
    assert_eq!((open.problems.len(), open.added), (0, vec!["later".to_owned()]));
    let lookup = prepare(&["SELECT p.colour AS id FROM raw LEFT JOIN products p ON p.sku = a"], &["a"], true);
    assert!(lookup.problems[0].1.message.contains("no column colour"), "{:?}", lookup.problems);
}

#[test]
fn only_named_columns_are_decoded() {
    let columns = |sql: &str| prepare(&[sql], &["a", "b", "c"], false).program.unwrap().columns;
    assert_eq!(columns("SELECT a AS id FROM (SELECT *, upper(b) AS u FROM raw)"), ["a", "b"]);
    assert_eq!(columns("SELECT * FROM raw"), ["a", "b", "c"]);
    assert_eq!(columns("SELECT 1 AS id FROM raw"), Vec::<String>::new());
}

#[test]
fn what_does_not_plan_says_why() {
    let prepared = prepare(&["SELECT upperr(a) AS id FROM raw"], &["a"], false);
    assert!(prepared.problems[0].1.message.contains("upperr"), "{:?}", prepared.problems);
}
