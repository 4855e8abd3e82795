//! How many statements Plant Care's operations take, as its own metrics tell.

use plant_care_prove::failure::{Failure, Result};
use plant_care_prove::processes::get;

use crate::servers::Server;

const METRIC: &str = "graphql_database_queries_per_operation";

/// Operations and their statements, since a server began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Statements {
    operations: f64,
    statements: f64,
}

impl Statements {
    /// Of a server.
    pub(super) async fn of(server: &Server) -> Result<Self> {
        let management = server
            .management
            .ok_or_else(|| Failure::new(format!("{} tells no metrics", server.name)))?;
        Ok(Self::read(&get(management, "/metrics").await?))
    }

    fn read(metrics: &str) -> Self {
        let sum = |part| {
            let series = metrics
                .lines()
                .filter_map(|line| line.strip_prefix(METRIC)?.strip_prefix(part));
            series
                .filter_map(|series| series.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        Self {
            operations: sum("_count"),
            statements: sum("_sum"),
        }
    }

    /// Statements of each operation since then.
    pub(super) fn since(self, earlier: Self) -> f64 {
        (self.statements - earlier.statements) / (self.operations - earlier.operations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_counted_for_each_operation() {
        let metrics = |feeds: u32, statements: u32| {
            Statements::read(&format!(
                "# HELP {METRIC} Statements\n{METRIC}_sum{{operation_name=\"Feed\"}} {statements}\n\
                 {METRIC}_count{{operation_name=\"Feed\"}} {feeds}\n\
                 {METRIC}_bucket{{operation_name=\"Feed\",le=\"20\"}} {feeds}\n\
                 {METRIC}_sum{{operation_name=\"other\"}} 3.0\n{METRIC}_count{{operation_name=\"other\"}} 1\n"
            ))
        };
        let since = metrics(30, 120).since(metrics(10, 20));
        assert!((since - 5.0).abs() < 1e-9, "{since}");
    }
}
