//! The method, model, data and environment: names with their values.

use serde::Serialize;

use super::parts::{Fact, Group, fact};
use crate::card::number::{grouped, number, percent};
use crate::card::{Annotation, Card, Data, Kind, Role};

pub(super) fn about(card: &Card) -> Vec<Group> {
    let method = &card.method;
    let mut of_method = vec![fact("name", &method.name)];
    of_method.extend(
        method
            .variant
            .iter()
            .map(|variant| fact("variant", variant)),
    );
    of_method.extend(method.layer.iter().map(|layer| fact("layer", layer)));
    let corners = if method.align_corners {
        "corners aligned"
    } else {
        "corners not aligned"
    };
    of_method.extend([
        fact("explains", key(&method.target)),
        fact("ReLU", if method.relu { "yes" } else { "no, signed" }),
    ]);
    of_method.extend(
        method
            .weights
            .iter()
            .map(|w| fact("weights", format!("{} of the gradients", key(w)))),
    );
    of_method.extend([
        fact(
            "enlarged by",
            format!("{}, {corners}", method.interpolation),
        ),
        fact("scaled by", &method.normalisation),
    ]);
    let model = &card.model;
    let mut of_model = vec![
        fact("name", &model.name),
        fact("parameters", grouped(model.params as f64)),
        fact("input", shape(&model.input_shape)),
        fact("classes", grouped(model.classes as f64)),
    ];
    of_model.extend(
        model
            .cam_layer_shape
            .iter()
            .map(|s| fact("layer's shape", shape(s))),
    );
    of_model.extend(model.accuracy.iter().map(|a| {
        fact(
            "accuracy",
            format!(
                "{} on {} images of {}",
                percent(a.value),
                grouped(a.n as f64),
                a.split
            ),
        )
    }));
    of_model.extend([fact("format", &model.format), fact("sha256", &model.sha256)]);
    let of_data = card
        .data
        .iter()
        .map(|data| fact(&data.id, describe(data)))
        .collect();
    let environment = &card.environment;
    let mut by = vec![fact("toolkit", &environment.toolkit_version)];
    by.extend(
        environment
            .git_commit
            .iter()
            .map(|commit| fact("commit", commit)),
    );
    by.extend([
        fact("compiler", &environment.rustc),
        fact("processor", &environment.cpu),
        fact("threads", environment.threads.to_string()),
        fact("system", &environment.os),
        fact("seed", environment.seed.to_string()),
    ]);
    by.extend(
        environment
            .started
            .iter()
            .map(|started| fact("started", started)),
    );
    by.extend(
        environment
            .wall_s
            .iter()
            .map(|s| fact("took", format!("{} s", number(Some(*s))))),
    );
    vec![
        Group {
            title: "Method",
            facts: of_method,
        },
        Group {
            title: "Model",
            facts: of_model,
        },
        Group {
            title: "Data",
            facts: of_data,
        },
        Group {
            title: "Environment",
            facts: by,
        },
    ]
}

fn describe(data: &Data) -> String {
    let mut text = format!(
        "{} {} images of {} classes, for {}, annotated with {}, read by {}",
        grouped(data.n as f64),
        if data.kind == Kind::Real {
            "real"
        } else {
            "synthetic"
        },
        grouped(data.classes as f64),
        match data.role {
            Role::Eval => "measuring",
            Role::Train => "training",
            Role::Val => "choosing settings",
        },
        match data.annotation {
            Annotation::None => "nothing",
            Annotation::Box => "boxes",
            Annotation::Mask => "masks",
        },
        data.loader
    );
    if let Some(generator) = &data.generator {
        let params: Vec<String> = generator
            .params
            .iter()
            .map(|(k, v)| format!("{k} {v}"))
            .collect();
        let params = if params.is_empty() {
            String::new()
        } else {
            format!(", {}", params.join(", "))
        };
        text += &format!(
            "; made by {}, seed {}{params}",
            generator.name, generator.seed
        );
    }
    if let Some(hash) = &data.path_hash {
        text += &format!("; hash {hash}");
    }
    text
}

/// Returns a plain enum's key in the JSON.
pub(super) fn key(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(key)) => key,
        _ => String::new(),
    }
}

fn shape(sides: &[usize]) -> String {
    sides
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(" × ")
}

pub(super) fn efficiency(card: &Card) -> Vec<Fact> {
    let cost = &card.methodology.efficiency;
    let time = |name: &str, seconds: Option<f64>| {
        seconds.map(|s| fact(name, format!("{} s", number(Some(s)))))
    };
    let ratio = cost
        .median_s
        .zip(cost.forward_s)
        .filter(|(_, forward)| *forward > 0.0);
    let mut facts: Vec<Fact> = [
        time("median", cost.median_s),
        cost.quartiles_s.map(|[low, high]| {
            let middle = format!("{} to {} s", number(Some(low)), number(Some(high)));
            fact("middle half", middle)
        }),
        time("95 % below", cost.p95_s),
        time("forward pass alone", cost.forward_s),
        ratio.map(|(all, forward)| fact("times a forward pass", number(Some(all / forward)))),
        cost.decade
            .map(|decade| fact("order of magnitude", format!("{decade:e} s"))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !facts.is_empty() {
        facts.push(fact("runs", cost.n.to_string()));
        facts.push(fact("on", &card.environment.cpu));
    }
    facts.extend(cost.reason.iter().map(|reason| fact("not timed", reason)));
    facts
}

pub(super) fn directness(card: &Card) -> Vec<Fact> {
    let direct = &card.methodology.directness;
    let mut facts = vec![fact(
        "map before enlarging",
        format!("{} positions", shape(&direct.resolution)),
    )];
    facts.extend(
        direct
            .receptive_field
            .iter()
            .map(|f| fact("a position sees", format!("{} pixels", shape(f)))),
    );
    facts.push(fact(
        "negative values",
        if direct.signed { "shown" } else { "dropped" },
    ));
    facts.extend(
        direct
            .relu_removed
            .map(|share| fact("taken away by ReLU", percent(share))),
    );
    facts
}
