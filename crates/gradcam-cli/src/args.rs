//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use gradcam::Interpolation;
use gradcam_eval::evaluate::Null;
use gradcam_models::picture::Window;
use gradcam_viz::{ColorMap, View};

use crate::names;

/// Show which pixels make a vision network say what it says, with Grad-CAM.
#[derive(Debug, Parser)]
#[command(name = "gradcam", version, max_term_width = 100)]
#[command(
    after_help = "Data goes to stdout, everything else to stderr. Exit status: 0 done, 1 a check failed, 2 an error or a bad image, 130 interrupted, 141 nobody read on."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say less: once for errors and warnings only, twice for nothing.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "verbose")]
    pub(crate) quiet: u8,
    /// Say more.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Explain why the network gives its classes, as pictures, maps and records.
    #[command(after_long_help = EXPLAIN_EXAMPLES)]
    Explain(Box<Explain>),
    /// Explain one picture by several methods, side by side, with times and rank correlations.
    Compare(Box<Compare>),
    /// Name what the pictures show: the classes with the highest probabilities.
    Classify(Classify),
    /// List the supported networks.
    Models(Models),
    /// Make a model's folder of a checkpoint: what PyTorch saves, or safetensors.
    Import(Import),
    /// List the layers of a network that can be explained.
    Layers(Layers),
    /// List the methods with their papers, costs and options.
    Methods(Methods),
    /// List the metrics with their papers, ranges and needs.
    Metrics(Metrics),
    /// Check a network's gradient against finite differences, and what methods promise: sums, and the same bytes.
    Check(Check),
    /// Measure methods on a data set: faithfulness, localisation and more, with intervals and what knows nothing beside them.
    #[command(after_help = EVALUATE_NUMBERS)]
    Evaluate(Box<Evaluate>),
    /// Measure a saliency card: what a method does and how it fares in every test, as JSON, Markdown and a page.
    Card(Box<CardArgs>),
    /// Look at data sets, draw them, or compose them; says how your own pictures become one.
    #[command(subcommand, after_help = OWN_DATA)]
    Data(Data),
    /// Print a script that completes gradcam's arguments in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them.
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command, in one or two words [default: gradcam itself].
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Write the command's page, and those of all commands below it, into this folder.
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
    /// Replace files that exist.
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

const EXPLAIN_EXAMPLES: &str = "Examples:
  gradcam explain cat.jpg                            writes cat.gradcam.png
  gradcam explain cat.jpg --target tabby-lynx        what speaks for tabby rather than lynx
  gradcam explain cat.jpg --target like:other.jpg    what makes the two pictures alike
  gradcam explain cat.jpg --model hf:openai/clip-vit-base-patch32 --target 'text:a photo of a cat'
  gradcam explain photos/ -o maps/ --top 3 --json    three maps for each picture of a folder
  gradcam explain cat.jpg --method grad-cam++        another method of the family
  gradcam explain cat.jpg --model hf:timm/resnet50.a1_in1k --layer layer3
  gradcam explain - -o - < cat.jpg > map.png         as a filter";

/// How a user's own pictures become a data set.
const OWN_DATA: &str = include_str!("own_data.txt");

const EVALUATE_NUMBERS: &str = "Intervals are 95 % bootstrap intervals of the mean; * marks those of fewer than 30 images, which are too narrow. \
p-values are of one-sided sign-flip tests that a method is better than a map that knows nothing, on the same images; Holm's \
correction is over the methods and nulls of one metric, not over the metrics.";

/// Which network runs, and how.
#[derive(Debug, Args)]
pub(crate) struct Network {
    /// A network: the name of an architecture, a folder with config.json and model.safetensors, a repository of the hub, or with --arch a file of weights.
    #[arg(
        long,
        value_name = "NAME|DIR|FILE|hf:REPO[@REV]",
        env = "GRADCAM_MODEL",
        default_value = "efficientnet-lite0"
    )]
    pub(crate) model: String,
    /// The architecture of a file of weights (.safetensors, .pth) that --model names; `gradcam import` makes a folder of such a file.
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,
    /// How the picture is brought to the network's input size.
    #[arg(long, value_enum, default_value_t = Fit::Crop)]
    pub(crate) fit: Fit,
    /// Pictures computed together; fewer where they are large [default: 8].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(crate) batch: Option<u64>,
    /// Processor threads [default: one for each core].
    #[arg(long, value_name = "N", env = "GRADCAM_THREADS", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) threads: Option<u64>,
    /// How exactly numbers are kept. On a processor f32 and bf16, which is faster with AVX-512 BF16; on a GPU all of them.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub(crate) precision: Precision,
    /// Where the network runs: cpu or cuda[:N].
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// The largest picture that is read, in pixels.
    #[arg(long, value_name = "N", default_value_t = gradcam_models::picture::Limits::default().max_pixels)]
    pub(crate) max_pixels: u64,
    #[command(flatten)]
    pub(crate) pictures: Pictures,
}

/// What of a picture is shown.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Pictures {
    /// The values that become black and white, as 0:4095 for 12 bits in a 16-bit file; auto for those of each picture [default: all that the file can have; a DICOM's own window].
    #[arg(long, value_name = "LO:HI|auto", allow_hyphen_values = true)]
    pub(crate) window: Option<Window>,
    /// The frame of a DICOM file or the slice of a NIfTI volume, from 0 [default: the first frame, the middle slice].
    #[arg(long, value_name = "N")]
    pub(crate) frame: Option<usize>,
}

/// `--precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Precision {
    /// 24 significant bits.
    F32,
    /// The convolutions' factors have 11 significant bits, sums 24.
    Tf32,
    /// 11 significant bits, up to 65,504; sums have 24.
    F16,
    /// 8 significant bits; sums have 24. On a processor the convolutions' factors alone.
    Bf16,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Pictures: files, folders (searched through), quoted patterns, or - for standard input.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// The layer to look at; given more than once, the maps are fused [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", help_heading = "Method", value_hint = ValueHint::Other)]
    pub(crate) layer: Vec<String>,
    /// What to explain: top, a class's index or label, a difference A-B, or likeness to another picture or (with a CLIP) to a text; may be given more than once [default: top].
    #[arg(
        long,
        value_name = "top|INDEX|LABEL|A-B|like:IMAGE|text:WORDS",
        help_heading = "Method",
        conflicts_with = "top"
    )]
    pub(crate) target: Vec<String>,
    /// Explain the K classes with the highest scores.
    #[arg(long, value_name = "K", help_heading = "Method", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) top: Option<u64>,
    /// How the map is made; `gradcam methods` lists them.
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Method",
        default_value = "grad-cam",
        value_parser = names::method(),
        hide_possible_values = true
    )]
    pub(crate) method: String,
    /// Set an option of the method; may be given more than once.
    #[arg(
        long,
        value_name = "OPTION=VALUE",
        help_heading = "Method",
        value_hint = ValueHint::Other,
        value_parser = option
    )]
    pub(crate) set: Vec<(String, String)>,
    /// How the map is enlarged: nearest, bilinear, bicubic or lanczos3.
    #[arg(long, help_heading = "Method", default_value_t = Interpolation::Bilinear, value_parser = names::interpolation(), hide_possible_values = true)]
    pub(crate) interpolation: Interpolation,
    /// Keep negative evidence.
    #[arg(long, help_heading = "Method")]
    pub(crate) no_relu: bool,
    /// Show what speaks against the target; not for maps without a sign or a target.
    #[arg(long, help_heading = "Method")]
    pub(crate) counterfactual: bool,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    /// Fuse several layers by the mean, the maximum, or LayerCAM's maximum, which lifts the finer ones by tanh.
    #[arg(long, help_heading = "Method", value_enum, default_value_t = Fusion::Mean)]
    pub(crate) fusion: Fusion,
    /// The picture: overlay, heatmap, side-by-side, contour or boxes.
    #[arg(long, help_heading = "Picture", default_value_t = View::Overlay, value_parser = names::view(), hide_possible_values = true)]
    pub(crate) view: View,
    /// Colours: turbo, viridis, inferno, magma, cividis, jet or coolwarm [default: turbo; coolwarm with --no-relu].
    #[arg(long, help_heading = "Picture", value_parser = names::colormap(), hide_possible_values = true)]
    pub(crate) colormap: Option<ColorMap>,
    /// Opacity of the strongest evidence over the photo, 0 to 1.
    #[arg(long, help_heading = "Picture", default_value_t = 0.5)]
    pub(crate) alpha: f32,
    /// Write class, probability or score, and method below the picture.
    #[arg(long, help_heading = "Picture")]
    pub(crate) caption: bool,
    /// Draw a small picture larger, by the largest whole factor that keeps it within this many pixels; 0 draws it as it is.
    #[arg(long, value_name = "PIXELS", help_heading = "Picture", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=8192))]
    pub(crate) enlarge: u32,
    /// Show the picture in the terminal.
    #[arg(long, help_heading = "Picture", conflicts_with = "json")]
    pub(crate) show: bool,
    /// The picture's file, a folder for the pictures, or - for standard output [default: NAME.gradcam.png here].
    #[arg(short, long, value_name = "FILE|DIR|-", help_heading = "Output")]
    pub(crate) output: Option<String>,
    /// Write logits and maps as safetensors to a file or folder.
    #[arg(long, value_name = "FILE|DIR", help_heading = "Output")]
    pub(crate) save_maps: Option<PathBuf>,
    /// Print one JSON object a line for each map.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Replace files that exist.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Keep the files that are there, and skip the pictures whose files all are; refused where they were made in another way.
    #[arg(long, help_heading = "Output", conflicts_with = "force")]
    pub(crate) resume: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// A picture: a file, or - for standard input.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    #[command(flatten)]
    pub(crate) network: Network,
    /// The methods, separated by commas, or all; `gradcam methods` lists them.
    #[arg(
        long,
        value_name = "NAME,…|all",
        help_heading = "Method",
        value_delimiter = ',',
        default_value = "all",
        value_parser = names::methods(),
        hide_possible_values = true
    )]
    pub(crate) methods: Vec<String>,
    /// Set an option of one of the methods; may be given more than once.
    #[arg(long, value_name = "METHOD.OPTION=VALUE", help_heading = "Method", value_hint = ValueHint::Other, value_parser = option)]
    pub(crate) set: Vec<(String, String)>,
    /// The layer, for the methods that look at one [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", help_heading = "Method", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// What to explain: top, a class's index or label, a difference A-B, or likeness to another picture or (with a CLIP) to a text.
    #[arg(
        long,
        value_name = "top|INDEX|LABEL|A-B|like:IMAGE|text:WORDS",
        help_heading = "Method",
        default_value = "top"
    )]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    /// The pictures: overlay, heatmap, side-by-side, contour or boxes.
    #[arg(long, help_heading = "Picture", default_value_t = View::Overlay, value_parser = names::view(), hide_possible_values = true)]
    pub(crate) view: View,
    /// The sheet's file, a folder, or - for standard output [default: NAME.compare.png here].
    #[arg(short, long, value_name = "FILE|DIR|-", help_heading = "Output")]
    pub(crate) output: Option<String>,
    /// Print one JSON object with the methods and the correlations.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Replace a file that exists.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
}

/// What methods that sample, or compare with other pictures, may spend and use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Method")]
pub(crate) struct Sampling {
    /// The most forwards that a method which samples may spend on a map; it takes one sample at least.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: Option<u64>,
    /// Stop sampling when the map's standard error is below this share of its range; for rise, lime and kernel-shap.
    #[arg(long, value_name = "SHARE", value_parser = positive)]
    pub(crate) tolerance: Option<f64>,
    /// Pictures to compare with, for `baseline=custom` and expected gradients: files, folders or quoted patterns.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) background: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Classify {
    /// Pictures: files, folders (searched through), quoted patterns, or - for standard input.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// How many classes to name.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) top: u64,
    /// Print one JSON object a line for each picture.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Models {
    /// Print one JSON object a line for each network.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// A checkpoint: .pth, .pt, .ckpt or .bin of PyTorch 1.6 or later, or .safetensors.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The architecture that it belongs to; `gradcam models` lists them.
    #[arg(value_name = "ARCHITECTURE")]
    pub(crate) architecture: String,
    /// The folder to make, for --model.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Label names: a text file with one a line, or JSON (a list, or a map from numbers to names).
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Replace files that exist.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Layers {
    /// The name of an architecture, a folder, a repository of the hub, or with --arch a file of weights.
    #[arg(
        value_name = "NAME|DIR|FILE|hf:REPO[@REV]",
        default_value = "efficientnet-lite0"
    )]
    pub(crate) model: String,
    /// The architecture of a file of weights.
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,
    /// Height and width of the input in pixels [default: the network's].
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=8192))]
    pub(crate) size: Option<u32>,
    /// Print one JSON object a line for each layer.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Methods {
    /// Say which methods coincide on this network.
    #[arg(long, value_name = "NAME|DIR|FILE|hf:REPO[@REV]")]
    pub(crate) model: Option<String>,
    /// The architecture of a file of weights.
    #[arg(long, value_name = "NAME", requires = "model")]
    pub(crate) arch: Option<String>,
    /// The layer for that [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", requires = "model", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// Print one JSON object a line for each method.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// Print one JSON object a line for each metric.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The name of an architecture, a folder, a repository of the hub, or with --arch a file of weights.
    #[arg(
        value_name = "NAME|DIR|FILE|hf:REPO[@REV]",
        default_value = "efficientnet-lite0"
    )]
    pub(crate) model: String,
    /// The architecture of a file of weights.
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,
    /// A picture to check with [default: a seeded pattern].
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    #[command(flatten)]
    pub(crate) pictures: Pictures,
    /// The layer [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// Units whose derivative is measured.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) units: u64,
    /// Seed of the pattern and of the choice of units.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print one JSON object a line for each check.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Evaluate {
    #[command(subcommand)]
    pub(crate) command: Option<EvaluateCommand>,
    /// The data set's folder; `gradcam data info` says what is found there.
    #[arg(value_name = "DATA", required = true)]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// The methods, separated by commas, or all that suit the network; `gradcam methods` lists them.
    #[arg(
        long,
        value_name = "NAME,…|all",
        help_heading = "Study",
        value_delimiter = ',',
        default_value = "grad-cam",
        value_parser = names::methods(),
        hide_possible_values = true
    )]
    pub(crate) methods: Vec<String>,
    /// The metrics, separated by commas, or all that the data set allows; `gradcam metrics` lists them.
    #[arg(
        long,
        value_name = "NAME,…|all",
        help_heading = "Study",
        value_delimiter = ',',
        default_value = "deletion,insertion,sparsity",
        value_parser = names::metrics(),
        hide_possible_values = true
    )]
    pub(crate) metrics: Vec<String>,
    /// Maps that know nothing, to compare with: random, centre, permuted, shuffled, untrained or mean-mask; each method has its own.
    #[arg(
        long,
        value_name = "NAME,…",
        help_heading = "Study",
        value_delimiter = ',',
        default_value = "random,centre",
        value_parser = names::null(),
        hide_possible_values = true
    )]
    pub(crate) nulls: Vec<Null>,
    /// The layer, for the methods that look at one [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", help_heading = "Study", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    /// Seed of whatever is drawn.
    #[arg(long, value_name = "N", help_heading = "Study", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write one JSON object a line for each image, as the images finish.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) records: Option<PathBuf>,
    /// Go on with the records that are there.
    #[arg(long, help_heading = "Output", requires = "records")]
    pub(crate) resume: bool,
    /// Measure part K of N of the images; `gradcam evaluate merge` joins the records.
    #[arg(
        long,
        value_name = "K/N",
        help_heading = "Output",
        requires = "records"
    )]
    pub(crate) shard: Option<String>,
    /// Print one JSON object.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvaluateCommand {
    /// Summarise the records of one run or of its parts.
    #[command(after_help = EVALUATE_NUMBERS)]
    Merge(Merge),
}

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// Files that `--records` wrote.
    #[arg(value_name = "RECORDS", required = true)]
    pub(crate) records: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CardArgs {
    #[command(subcommand)]
    pub(crate) command: Option<CardCommand>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// The method that the card is about.
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Card",
        default_value = "grad-cam",
        value_parser = names::method(),
        hide_possible_values = true
    )]
    pub(crate) method: String,
    /// Methods measured beside it, separated by commas.
    #[arg(
        long,
        value_name = "NAME,…",
        help_heading = "Card",
        value_delimiter = ',',
        value_parser = names::method(),
        hide_possible_values = true
    )]
    pub(crate) against: Vec<String>,
    /// The layer, for methods that look at one [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", help_heading = "Card", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// The data set's folder, with masks or boxes for the tests that need them.
    #[arg(long, value_name = "DIR", help_heading = "Card")]
    pub(crate) data: Option<PathBuf>,
    /// Small pictures of classes (MNIST's IDX files) for the label test [default: drawn glyphs].
    #[arg(long, value_name = "DIR", help_heading = "Card")]
    pub(crate) labels_data: Option<PathBuf>,
    /// As many images as the grading rule asks for; the default.
    #[arg(long, help_heading = "Card", conflicts_with = "full")]
    pub(crate) quick: bool,
    /// All images and every block of the network.
    #[arg(long, help_heading = "Card")]
    pub(crate) full: bool,
    /// Seed of whatever is drawn.
    #[arg(long, value_name = "N", help_heading = "Card", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Example pictures on the card, and those of the sweep; 0 for none.
    #[arg(long, value_name = "N", help_heading = "Card", default_value_t = 6, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub(crate) examples: u64,
    /// Exit with 1 where one of these tests fails, separated by commas.
    #[arg(
        long,
        value_name = "TEST,…",
        help_heading = "Card",
        value_delimiter = ','
    )]
    pub(crate) fail_on: Vec<String>,
    /// The folder for card.json, card.md and card.html.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Go on with a card in that folder whose measurement was interrupted or failed.
    #[arg(long, help_heading = "Output")]
    pub(crate) resume: bool,
    /// Replace files that exist.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CardCommand {
    /// Make the pages of a card again.
    Render(CardRender),
    /// Say what differs between two cards; exit status 1 where something does.
    Diff(CardDiff),
    /// Train the small networks again that come with the program, for the tests of objects before scenes.
    Train(CardTrain),
}

#[derive(Debug, Args)]
pub(crate) struct CardTrain {
    /// The file to write, safetensors.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace a file that exists.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CardRender {
    /// The card.
    #[arg(value_name = "CARD.json")]
    pub(crate) card: PathBuf,
    /// The folder for card.md and card.html.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Name the card's pictures only, which need not lie beside it then.
    #[arg(long)]
    pub(crate) no_pictures: bool,
    /// Replace files that exist.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CardDiff {
    /// The first card.
    #[arg(value_name = "A.json")]
    pub(crate) a: PathBuf,
    /// The second card.
    #[arg(value_name = "B.json")]
    pub(crate) b: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Say what a data set has: layout, pictures, classes, objects.
    Info(DataInfo),
    /// Draw a data set from a seed: shapes, pasted, glyphs or lesions.
    Make(DataMake),
    /// Paste cut-outs (CUTOUTS/CLASS/*.png with alpha) on scenes, with masks.
    Paste(DataPaste),
}

#[derive(Debug, Args)]
pub(crate) struct DataInfo {
    /// The data set's folder.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataMake {
    /// What draws it: shapes, pasted, glyphs or lesions.
    #[arg(value_name = "GENERATOR", value_parser = names::generator(), hide_possible_values = true)]
    pub(crate) generator: String,
    /// Pictures to train with.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    pub(crate) train: u64,
    /// Pictures to test with.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    pub(crate) test: u64,
    /// Set a parameter of the generator; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = option)]
    pub(crate) set: Vec<(String, String)>,
    /// The seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The folder to make.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DataPaste {
    /// A folder of cut-outs, one folder a class.
    #[arg(value_name = "CUTOUTS")]
    pub(crate) cutouts: PathBuf,
    /// A folder of pictures.
    #[arg(value_name = "SCENES")]
    pub(crate) scenes: PathBuf,
    /// Pictures to make.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) count: u64,
    /// Their side in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 320, value_parser = clap::value_parser!(u64).range(16..=4096))]
    pub(crate) size: u64,
    /// Without a second object of another class.
    #[arg(long)]
    pub(crate) no_distractor: bool,
    /// The seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The folder to make.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// A number above 0.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number above 0".to_string()),
    }
}

/// `OPTION=VALUE`.
fn option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((option, value)) if !option.is_empty() => Ok((option.to_string(), value.to_string())),
        _ => Err("expected OPTION=VALUE".to_string()),
    }
}

/// How a picture is brought to the network's input size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fit {
    /// Resize the shorter side, cut out the centre: as the network was evaluated.
    Crop,
    /// Resize both sides, whatever their ratio: the whole picture is seen.
    Squash,
    /// Leave the picture as it is.
    None,
}

/// How the maps of several layers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fusion {
    /// The average.
    Mean,
    /// The maximum.
    Max,
    /// The maximum, of tanh(2 v) at layers finer than the coarsest: LayerCAM's.
    Tanh,
}
