//! Tests that a card's JSON and its schema agree.
use serde_json::{Value, json};

use super::super::{Card, SCHEMA, SCHEMA_VERSION};
use super::example::example;
use crate::statistics::Rule;

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(
        schema["properties"]["schema_version"]["const"],
        SCHEMA_VERSION
    );
    let rules: Vec<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(schema["properties"]["rule_id"]["enum"], json!(rules));
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Collects the pointers of all fields.
fn fields(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let at = format!("{at}/{key}");
                all.push(at.clone());
                fields(value, &at, all);
            }
        }
        // The first item of a list represents the others.
        Value::Array(list) => {
            if let Some(first) = list.first() {
                fields(first, &format!("{at}/0"), all);
            }
        }
        _ => {}
    }
}

fn without(card: &Value, field: &str) -> Value {
    let mut card = card.clone();
    let (parent, key) = field.rsplit_once('/').unwrap();
    card.pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(key)
        .unwrap();
    card
}

#[test]
fn a_card_fits_the_schema_and_comes_back() {
    let text = example().to_json().unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    if let Err(error) = schema().validate(&value) {
        panic!("{error} at {}", error.instance_path());
    }
    let read = Card::from_json(&text).unwrap();
    assert_eq!(read, example());
    assert_eq!(read.to_json().unwrap(), text);
    assert!(!text.contains("started") && !text.contains("wall_s"));
}

/// Every field is required except those that are omitted if empty.
#[test]
fn a_card_with_a_field_missing_is_refused() {
    let schema = schema();
    let card = serde_json::to_value(example()).unwrap();
    let mut all = Vec::new();
    fields(&card, "", &mut all);
    let free = ["/$schema", "/picture", "/caption", "/options", "/axes"];
    let mut needed = 0;
    for field in &all {
        let optional = free.iter().any(|end| field.ends_with(end)) || field.contains("/params/");
        assert_eq!(schema.is_valid(&without(&card, field)), optional, "{field}");
        needed += usize::from(!optional);
    }
    assert!(needed > 150, "{needed}");
}

#[test]
fn what_does_not_belong_is_refused() {
    let schema = schema();
    let card = serde_json::to_value(example()).unwrap();
    let deletion = "/sections/input_sensitivity/0";
    for (field, value) in [
        ("/grade", json!("green")),
        ("/grade", json!(null)),
        ("/metric/direction", json!("sideways")),
        ("/metric/value", json!("NaN")),
        // Without a value there must be a reason.
        ("/metric/value", json!(null)),
        ("/metric/ci", json!([0.1])),
        ("/metric/n", json!(-1)),
        ("/id", json!("Deletion RISE")),
        ("/agreement_with_published", json!("maybe")),
        ("/protocol/target_policy", json!("loudest")),
    ] {
        let mut card = card.clone();
        *card.pointer_mut(&format!("{deletion}{field}")).unwrap() = value;
        assert!(!schema.is_valid(&card), "{field}");
        assert!(Card::from_json(&card.to_string()).is_err(), "{field}");
    }
    for place in [
        "",
        "/method",
        "/model",
        "/sections",
        "/sections/minimality/0/metric",
        "/methodology/directness",
    ] {
        let mut card = card.clone();
        let object = card.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert("surprise".to_string(), json!(1));
        assert!(!schema.is_valid(&card), "{place}");
        assert!(Card::from_json(&card.to_string()).is_err(), "{place}");
    }
}
