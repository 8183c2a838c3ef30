//! A condition over one row: an expression of a mapping's SQL that is true, false or null, evaluated on whole chunks.
//!
//! It is parsed as the only column of a SELECT over `raw`, so everything that mappings refuse is refused here too, and planned once
//! to a physical expression: a chunk costs its evaluation, no plan.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::PhysicalExpr;

use super::{Engine, Parsed, SqlProblem};

/// What stands in front of the condition: a comment of its last line must not swallow what is behind.
const BEFORE: &str = "SELECT (\n";
const BEHIND: &str = "\n) AS holds FROM raw";

/// A planned condition.
#[derive(Clone, Debug)]
pub struct Condition(Arc<dyn PhysicalExpr>);

impl Engine {
    /// Parses a condition and checks that it is row-wise.
    pub fn parse_condition(&self, sql: &str) -> Result<Parsed, Vec<SqlProblem>> {
        let unshifted = |problem: SqlProblem| SqlProblem { line: None, column: None, ..problem };
        let parsed = self.parse(&format!("{BEFORE}{sql}{BEHIND}"));
        parsed.map_err(|problems| problems.into_iter().map(unshifted).collect())
    }

    /// Plans a condition over rows of `schema`, which begins with the hidden row number.
    pub async fn condition(&self, parsed: &Parsed, schema: &SchemaRef) -> Result<Condition, SqlProblem> {
        let refuse = |message: &str| SqlProblem {
            line: None,
            column: None,
            message: message.to_owned(),
            remedy: "write a comparison such as amount >= 0".to_owned(),
        };
        let plan = self.plan(parsed, schema).await.map_err(|error| {
            let problem = match error.find_root() {
                DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
                    datafusion::common::SchemaError::FieldNotFound { field, .. } => {
                        let names = schema.fields().iter().map(|known| known.name().as_str());
                        let known: Vec<&str> = names.filter(|name| *name != crate::reader::ROW).collect();
                        parsed.unknown_field(&field.name, &known)
                    }
                    _ => parsed.planning_problem(&error),
                },
                _ => parsed.planning_problem(&error),
            };
            SqlProblem { line: None, column: None, ..problem }
        })?;
        let LogicalPlan::Projection(projection) = plan else { return Err(refuse("this is no condition over one row")) };
        let (Some(holds), input) = (projection.expr.last(), projection.input.schema()) else {
            return Err(refuse("this is no condition"));
        };
        let planning = |error: DataFusionError| SqlProblem { line: None, column: None, ..parsed.planning_problem(&error) };
        let expr = self.state.create_physical_expr(holds.clone(), input).map_err(planning)?;
        match expr.data_type(schema).map_err(planning)? {
            DataType::Boolean | DataType::Null => Ok(Condition(expr)),
            other => Err(refuse(&format!("it gives {other}, not true or false"))),
        }
    }
}

impl Condition {
    /// What it says of every row of `rows`; a row on which it fails (a cast that does not fit) counts as false.
    pub fn holds(&self, rows: &RecordBatch) -> BooleanArray {
        if rows.num_rows() == 0 {
            return BooleanArray::from(Vec::<bool>::new());
        }
        let array = self.0.evaluate(rows).and_then(|value| value.into_array(rows.num_rows()));
        match array {
            Ok(array) => array.as_boolean_opt().cloned().unwrap_or_else(|| BooleanArray::new_null(rows.num_rows())),
            Err(_) if rows.num_rows() == 1 => BooleanArray::from(vec![false]),
            Err(_) => {
                let half = rows.num_rows() / 2;
                let (left, right) = (self.holds(&rows.slice(0, half)), self.holds(&rows.slice(half, rows.num_rows() - half)));
                let both = concat(&[&left as &dyn Array, &right]).expect("both are truth values");
                both.as_boolean().clone()
            }
        }
    }
}
