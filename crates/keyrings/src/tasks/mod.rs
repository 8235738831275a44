//! Tasks: how they are created, take orders and end; the memory they share; the record of what they
//! did.

pub(crate) mod arena;
pub(crate) mod churn;
pub(crate) mod fail;
pub(crate) mod make;
pub(crate) mod plain;
pub(crate) mod record;
pub(crate) mod serve;
pub(crate) mod task;
pub(crate) mod tracer;
pub(crate) mod until;
pub(crate) mod upcall;
