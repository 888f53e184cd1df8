//! Label sensitivity on drawn objects before drawn scenes, with networks that learned to name either (BAM).

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use gradcam::{Grid, Method};
use gradcam_data::{Generator, Labels, Pasted};
use gradcam_eval::Direction;
use gradcam_eval::card::{Annotation, Curve, Data, Kind, Reference, Role, Sections, Source, Test};
use gradcam_eval::sanity::{
    Contrast, Descent, Images, Scene, Scenes, Side, accuracy, input_dependence,
    input_dependence_test, input_independence, model_contrast, model_contrast_test,
    relative_contrast, relative_contrast_test,
};
use gradcam_eval::statistics::{Gate, Grade, Graded, Measured, Measurement};
use gradcam_nn::{ModuleTree, Network};

use super::data_sets::SCENES;
use super::entry::{Counts, Named, measured, without};
use super::networks::{CLASSES, LAYER, SIDE, load, planes, recipes};
use super::small::explain;
use super::subject::Subject;
use crate::console::{Console, Unit};

const BAM: &str =
    "Yang and Kim 2019, Benchmarking Attribution Methods with Relative Feature Importance";

/// The accuracy that a network needs before its maps are measured.
const ACCURATE: f64 = 0.8;

const CONTRAST: Named<'_> = Named {
    id: "model_contrast_score",
    title: "Model contrast score",
    paper: BAM,
    metric: "what the object's pixels get from a network of objects, less what they get from a network of scenes",
    unit: "",
    protocol: "Two networks of the same pictures, one trained to name the objects and one the scenes; signed maps of the right class, their positive part clipped at the 99th percentile, over the pictures that both name rightly.",
};
const RELATIVE: Named<'_> = Named {
    id: "relative_model_contrast",
    title: "Relative model contrast",
    paper: BAM,
    metric: "rank correlation of the contrast with the object's rarity, over nine pairs of networks",
    unit: "",
    protocol: "Ten networks of scenes, with one object on the pictures of one to all scenes: the more common it is, the less it says, and on the last it says nothing. The model contrast of each with the last, over the pictures of that object before the first scene that both name rightly. Beside it the accuracy that each loses when the object is taken away, less what the last loses.",
};
const DEPENDENCE: Named<'_> = Named {
    id: "input_dependence_rate",
    title: "Input dependence rate",
    paper: BAM,
    metric: "share of pictures",
    unit: "",
    protocol: "A network of scenes: the share of the pictures in which the object's place gets less when the object covers it than when the scene is to be seen there.",
};
const INDEPENDENCE: Named<'_> = Named {
    id: "input_independence_rate",
    title: "Input independence rate",
    paper: BAM,
    metric: "share of pictures",
    unit: "",
    protocol: "A network that never saw an object: the share of the scenes in which the object's place gets the same, within a tenth, when a patch is put there that was sought by gradient descent from the object to change nothing of what the network says.",
};

/// The tests, in the card's order.
pub(crate) const TESTS: [&str; 4] = [CONTRAST.id, RELATIVE.id, DEPENDENCE.id, INDEPENDENCE.id];

/// Measures the tests and adds them to their section.
pub(crate) fn measure(
    subject: &Subject<'_>,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<()> {
    let tests = &mut sections.label_sensitivity;
    let networks = Networks(load()?);
    let count = subject.effort.scenes as u64;
    let drawn = drawn(&pasted(None), subject.seed, 0..count)?;
    let method = &subject.explainer.method;
    let first = drawn.first().context("no scene is drawn")?;
    let objects = networks.get("objects")?;
    if let Err(error) = explain(method, LAYER, objects, &first.image, first.object_class) {
        let reason = format!("the method does not suit a convolutional network: {error}");
        let none = |named| without(named, Grade::NotApplicable, &reason);
        tests.extend([CONTRAST, RELATIVE, DEPENDENCE, INDEPENDENCE].map(none));
        return Ok(());
    }
    let bar = console.bar(4, Unit::Checks);
    let load = |i: usize| Ok(drawn[i].clone());
    let scenes: Scenes<'_> = (drawn.len(), &load);
    bar.set_message("model contrast");
    tests.push(contrast(subject, &networks, &drawn)?);
    bar.inc(1);
    bar.set_message("relative model contrast");
    tests.push(relative(subject, &networks)?);
    bar.inc(1);
    let own = maps_of(method);
    let side = |network| Side::new(network, &own);
    bar.set_message("input dependence");
    let network = networks.get("scenes")?;
    let found = input_dependence(&side(network), scenes, subject.seed)?;
    let accuracy = accurate("scenes", network, &drawn, |s| (&s.image, s.scene_class))?;
    let test = gated(input_dependence_test(&found, subject.seed)?, vec![accuracy]);
    tests.push(of_contrast(DEPENDENCE, &found, &test, test.graded()));
    bar.inc(1);
    bar.set_message("input independence");
    let network = networks.get("scenes-alone")?;
    let options = Descent::default();
    let found = input_independence(&side(network), scenes, &options, subject.seed)?;
    let accuracy = accurate("scenes alone", network, &drawn, |s| {
        (&s.alone, s.scene_class)
    })?;
    let test = gated(
        Measurement::of(&found.score, Direction::Up, Vec::new()),
        vec![accuracy],
    );
    let graded = Graded {
        grade: Grade::Info,
        reason:
            "a map that never changes has 1, so that there is no null; the value is for comparison"
                .to_string(),
    };
    tests.push(of_contrast(INDEPENDENCE, &found, &test, graded));
    bar.inc(1);
    bar.finish_and_clear();
    Ok(())
}

/// Describes the pictures for the card.
pub(crate) fn of_data(subject: &Subject<'_>) -> Data {
    let pasted = pasted(None);
    Data {
        id: SCENES.to_string(),
        role: Role::Eval,
        kind: Kind::Synthetic,
        loader: "drawn".to_string(),
        path_hash: None,
        n: subject.effort.scenes,
        classes: CLASSES,
        annotation: Annotation::Mask,
        generator: Some(gradcam_eval::card::Generator {
            name: Generator::Pasted(pasted.clone()).name().to_string(),
            seed: subject.seed,
            params: BTreeMap::from([
                ("size".to_string(), pasted.size.to_string()),
                ("classes".to_string(), pasted.classes.to_string()),
            ]),
        }),
    }
}

/// The small networks by name.
struct Networks(BTreeMap<String, ModuleTree>);

impl Networks {
    fn get(&self, name: &str) -> Result<&ModuleTree> {
        let found = self.0.get(name);
        found.with_context(|| format!("the network `{name}` does not come with the program"))
    }
}

/// Returns the generator of the pictures.
fn pasted(common: Option<usize>) -> Pasted {
    Pasted {
        size: SIDE,
        classes: CLASSES,
        labels: Labels::Scene,
        common,
    }
}

/// Draws pictures with and without their objects, small enough to be kept.
fn drawn(
    pasted: &Pasted,
    seed: u64,
    numbers: impl Iterator<Item = u64>,
) -> gradcam_eval::Result<Vec<Scene>> {
    numbers.map(|index| scene(pasted, seed, index)).collect()
}

/// Draws a picture with and without its object.
fn scene(pasted: &Pasted, seed: u64, index: u64) -> gradcam_eval::Result<Scene> {
    let draw = |labels| {
        let generator = Generator::Pasted(Pasted {
            labels,
            ..pasted.clone()
        });
        let drawn = generator.draw(seed, index);
        drawn.map_err(|error| gradcam::Error::Candle(error.to_string()))
    };
    let (with, alone) = (draw(Labels::Scene)?, draw(Labels::SceneOnly)?);
    let tensor = |picture: &image::RgbImage| {
        let (width, height) = picture.dimensions();
        let shape = (1, 3, height as usize, width as usize);
        Tensor::from_vec(planes(picture), shape, &Device::Cpu)
    };
    let object = with.objects.first();
    Ok(Scene {
        image: tensor(&with.image)?,
        alone: tensor(&alone.image)?,
        object: object.map_or(Vec::new(), |object| object.mask.values.clone()),
        // Objects are numbered after the scenes.
        object_class: object.map_or(0, |object| object.class - CLASSES),
        scene_class: with.class,
    })
}

/// Returns the method's maps of a small network.
fn maps_of(
    method: &Method,
) -> impl Fn(&dyn Network, &Tensor, usize) -> gradcam_eval::Result<Grid> + Sync {
    move |network, image, class| explain(method, LAYER, network, image, class)
}

fn contrast(subject: &Subject<'_>, networks: &Networks, drawn: &[Scene]) -> Result<Test> {
    let load = |i: usize| Ok(drawn[i].clone());
    let scenes: Scenes<'_> = (drawn.len(), &load);
    let (objects, of_scenes) = (networks.get("objects")?, networks.get("scenes")?);
    let run = |method: &Method| -> Result<Contrast> {
        let own = maps_of(method);
        let side = |network| Side::new(network, &own);
        Ok(model_contrast(
            &side(objects),
            &side(of_scenes),
            scenes,
            subject.seed,
        )?)
    };
    let found = run(&subject.explainer.method)?;
    let mut gates = vec![
        accurate("objects", objects, drawn, |s| (&s.image, s.object_class))?,
        accurate("scenes", of_scenes, drawn, |s| (&s.image, s.scene_class))?,
    ];
    let mut references: Vec<Reference> = Vec::new();
    for other in subject.against {
        // A method that does not suit the small networks has no value to compare with.
        let mean = run(&other.method).ok().and_then(|found| found.score.mean);
        references.extend(mean.map(|mean| Reference {
            name: other.method.name().to_string(),
            value: Some(mean.value),
            ci: Some([mean.low, mean.high]),
            source: Source::Measured,
            comparable: true,
        }));
    }
    let best = references
        .iter()
        .filter_map(|other| Some((other.value?, &other.name)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((value, name)) = best {
        let own = found.score.mean.map_or(f64::NAN, |mean| mean.value);
        gates.push(Gate {
            name: "rank".to_string(),
            required: "the highest of the methods that were run".to_string(),
            observed: format!("{own:.3} beside {value:.3} of `{name}`"),
            ok: own >= value,
        });
    }
    let test = gated(model_contrast_test(&found, subject.seed)?, gates);
    Ok(Test {
        references,
        ..of_contrast(CONTRAST, &found, &test, test.graded())
    })
}

fn relative(subject: &Subject<'_>, networks: &Networks) -> Result<Test> {
    let names = recipes().into_iter().map(|recipe| recipe.name);
    let names: Vec<String> = names.filter(|name| name.starts_with("common")).collect();
    let own = maps_of(&subject.explainer.method);
    let side = |name: &String| -> Result<Side<'_>> { Ok(Side::new(networks.get(name)?, &own)) };
    let sides = names.iter().map(side).collect::<Result<Vec<_>>>()?;
    // The first object on the first scene, which every network but the last can learn from.
    let draw = |i: usize| scene(&pasted(Some(CLASSES)), subject.seed, (i * CLASSES) as u64);
    let scenes: Scenes<'_> = (subject.effort.scenes, &draw);
    let found = match relative_contrast(&sides, scenes, subject.seed) {
        Ok(found) => found,
        Err(gradcam_eval::Error::Undefined(reason)) => {
            return Ok(without(RELATIVE, Grade::NotRun, &reason.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    let measurement = relative_contrast_test(&found);
    let counts = Counts {
        values: measurement.samples,
        degenerate: found.left_out,
    };
    let mut test = measured(RELATIVE, &measurement, measurement.graded(), counts);
    let curve = |name: &str, values: &[f64]| Curve {
        name: name.to_string(),
        x: (1..=values.len()).map(|n| n as f64).collect(),
        y: values.iter().map(|v| v.is_finite().then_some(*v)).collect(),
        lo: Vec::new(),
        hi: Vec::new(),
        reason: None,
    };
    test.curves = vec![
        curve("contrast with the last network", &found.contrasts),
        curve("accuracy that goes with the object", &found.drops),
    ];
    test.axes = Some([
        "scenes with the object".to_string(),
        "difference".to_string(),
    ]);
    Ok(test)
}

/// Checks a network's accuracy on the pictures.
fn accurate(
    name: &str,
    network: &dyn Network,
    drawn: &[Scene],
    asked: impl Fn(&Scene) -> (&Tensor, usize) + Sync,
) -> Result<Gate> {
    let load = |i: usize| Ok(asked(&drawn[i]).0.clone());
    let labels: Vec<usize> = drawn.iter().map(|scene| asked(scene).1).collect();
    let images = Images::new(drawn.len(), &load);
    let accuracy = accuracy(network, &images, &labels)?;
    Ok(Gate {
        name: format!("accuracy, {name}"),
        required: format!("at least {:.0} %", 100.0 * ACCURATE),
        observed: format!("{:.1} %", 100.0 * accuracy),
        ok: accuracy >= ACCURATE,
    })
}

fn gated(mut measurement: Measurement, gates: Vec<Gate>) -> Measurement {
    measurement.gates = gates;
    measurement
}

fn of_contrast(named: Named<'_>, found: &Contrast, test: &Measurement, graded: Graded) -> Test {
    let Measured { values, .. } = &found.score;
    let counts = Counts {
        values: test.samples,
        degenerate: values.undefined().len(),
    };
    measured(named, test, graded, counts)
}
