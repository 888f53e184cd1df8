//! The schema of a card's JSON.

/// The version of the card's fields.
pub const SCHEMA_VERSION: &str = "1.0.0";

/// The JSON schema of a card (draft 2020-12).
pub const SCHEMA: &str = include_str!("../../schema/card.schema.json");
