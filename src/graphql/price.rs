//! What an operation costs, and whether it may.

use async_graphql::futures_util::FutureExt as _;
use async_graphql::parser::types::OperationDefinition;
use async_graphql::{Variables, value};
use async_graphql_value::ConstValue;

use super::Api;
use super::error::{ApiError, Exceeded};
use super::limits::{Model, WHOLE_SCHEMA};
use crate::config::Limits;

/// What an operation within the limits costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Price {
    /// What is resolved, by the most that it may return.
    pub(super) cost: usize,
    /// What is told of the schema.
    pub(super) introspection: usize,
}

impl Price {
    /// As clients are told.
    pub(super) fn told(self, limits: &Limits) -> ConstValue {
        let (requested, maximum) = (self.cost, limits.cost);
        if self.introspection == 0 {
            return value!({ "requested": requested, "maximum": maximum });
        }
        value!({
            "requested": requested,
            "maximum": maximum,
            "introspection": { "requested": (self.introspection), "maximum": (limits.introspection_cost) },
        })
    }
}

impl Api {
    /// Measures an operation in its canonical form.
    pub(super) fn measure(
        &self,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> Result<Price, ApiError> {
        let config = &self.app.config;
        let limits = &config.limits;
        let measured = self.costs.measure(operation, variables);
        if let Some(exceeded) = measured.exceeded(limits) {
            return Err(ApiError::LimitExceeded(exceeded));
        }
        let mut introspection = 0;
        if measured.introspects {
            if !config.introspection {
                let message = "The schema cannot be asked for here: introspection is switched off.";
                return Err(ApiError::BadRequest(message.to_owned()));
            }
            let maximum = limits.introspection_cost;
            introspection = self.model()?.cost(operation, variables, maximum);
            if introspection > maximum {
                return Err(ApiError::LimitExceeded(Exceeded {
                    limit: "INTROSPECTION_COST",
                    value: introspection,
                    maximum,
                }));
            }
        }
        Ok(Price {
            cost: measured.cost,
            introspection,
        })
    }

    /// The schema as introspection tells of it.
    fn model(&self) -> Result<&Model, ApiError> {
        let model = self.model.get_or_init(|| {
            // Nothing in it waits.
            let answer = self.schema.execute(WHOLE_SCHEMA).now_or_never()?;
            Model::new(&answer.data)
        });
        model
            .as_ref()
            .ok_or_else(|| ApiError::internal(&"the schema cannot be asked for"))
    }
}
