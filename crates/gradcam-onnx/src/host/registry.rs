//! The operators by their names.

use crate::graph::Node;
use crate::host::inputs::Inputs;
use crate::host::value::Host;
use crate::host::{
    arithmetic, arrange, cast, elementwise, fill, index, join, lanes, logic, normal, pad, product,
    quantise, reduce, scatter, shape,
};

/// Computes the outputs of a node.
#[derive(Clone, Copy)]
pub(crate) enum Operator {
    One(fn(&Node, &Inputs<'_>) -> Result<Host, String>),
    Many(fn(&Node, &Inputs<'_>) -> Result<Vec<Host>, String>),
}

use Operator::{Many, One};

/// The operators, sorted by name.
pub(crate) const OPERATORS: &[(&str, Operator)] = &[
    ("Abs", One(elementwise::abs)),
    ("Add", One(arithmetic::add)),
    ("And", One(logic::and)),
    ("ArgMax", One(lanes::arg_max)),
    ("ArgMin", One(lanes::arg_min)),
    ("Cast", One(cast::cast)),
    ("CastLike", One(cast::cast_like)),
    ("Ceil", One(elementwise::ceil)),
    ("Clip", One(elementwise::clip)),
    ("Compress", One(index::compress)),
    ("Concat", One(join::concat)),
    ("Constant", One(fill::constant)),
    ("ConstantOfShape", One(fill::constant_of_shape)),
    ("Cos", One(elementwise::cos)),
    ("CumSum", One(lanes::cum_sum)),
    ("DepthToSpace", One(arrange::depth_to_space)),
    ("DequantizeLinear", One(quantise::dequantize_linear)),
    ("Div", One(arithmetic::div)),
    ("Dropout", Many(elementwise::dropout)),
    ("Einsum", One(product::einsum)),
    ("Equal", One(logic::equal)),
    ("Erf", One(elementwise::erf)),
    ("Exp", One(elementwise::exp)),
    ("Expand", One(arrange::expand)),
    ("EyeLike", One(fill::eye_like)),
    ("Flatten", One(shape::flatten)),
    ("Floor", One(elementwise::floor)),
    ("Gather", One(index::gather)),
    ("GatherElements", One(index::gather_elements)),
    ("GatherND", One(index::gather_nd)),
    ("Gemm", One(product::gemm)),
    ("Greater", One(logic::greater)),
    ("GreaterOrEqual", One(logic::greater_or_equal)),
    ("HardSigmoid", One(elementwise::hard_sigmoid)),
    ("Identity", One(elementwise::identity)),
    ("IsInf", One(elementwise::is_inf)),
    ("IsNaN", One(elementwise::is_nan)),
    ("LayerNormalization", Many(normal::layer_normalization)),
    ("LeakyRelu", One(elementwise::leaky_relu)),
    ("Less", One(logic::less)),
    ("LessOrEqual", One(logic::less_or_equal)),
    ("Log", One(elementwise::log)),
    ("LogSoftmax", One(normal::log_softmax)),
    ("MatMul", One(product::mat_mul)),
    ("Max", One(arithmetic::max)),
    ("Mean", One(arithmetic::mean)),
    ("Min", One(arithmetic::min)),
    ("Mod", One(arithmetic::modulo)),
    ("Mul", One(arithmetic::mul)),
    ("Neg", One(elementwise::neg)),
    ("NonZero", One(index::non_zero)),
    ("Not", One(logic::not)),
    ("OneHot", One(index::one_hot)),
    ("Or", One(logic::or)),
    ("PRelu", One(arithmetic::prelu)),
    ("Pad", One(pad::pad)),
    ("Pow", One(arithmetic::pow)),
    ("QuantizeLinear", One(quantise::quantize_linear)),
    ("Range", One(fill::range)),
    ("Reciprocal", One(elementwise::reciprocal)),
    ("ReduceL1", One(reduce::l1)),
    ("ReduceL2", One(reduce::l2)),
    ("ReduceLogSum", One(reduce::log_sum)),
    ("ReduceLogSumExp", One(reduce::log_sum_exp)),
    ("ReduceMax", One(reduce::max)),
    ("ReduceMean", One(reduce::mean)),
    ("ReduceMin", One(reduce::min)),
    ("ReduceProd", One(reduce::prod)),
    ("ReduceSum", One(reduce::sum)),
    ("ReduceSumSquare", One(reduce::sum_square)),
    ("Relu", One(elementwise::relu)),
    ("Reshape", One(shape::reshape)),
    ("Round", One(elementwise::round)),
    ("ScatterElements", One(scatter::scatter_elements)),
    ("ScatterND", One(scatter::scatter_nd)),
    ("Shape", One(shape::shape)),
    ("Sigmoid", One(elementwise::sigmoid)),
    ("Sign", One(elementwise::sign)),
    ("Sin", One(elementwise::sin)),
    ("Size", One(shape::size)),
    ("Slice", One(index::slice)),
    ("Softmax", One(normal::softmax)),
    ("Softplus", One(elementwise::softplus)),
    ("SpaceToDepth", One(arrange::space_to_depth)),
    ("Split", Many(join::split)),
    ("Sqrt", One(elementwise::sqrt)),
    ("Squeeze", One(shape::squeeze)),
    ("Sub", One(arithmetic::sub)),
    ("Sum", One(arithmetic::sum)),
    ("Tan", One(elementwise::tan)),
    ("Tanh", One(elementwise::tanh)),
    ("Tile", One(arrange::tile)),
    ("TopK", Many(lanes::top_k)),
    ("Transpose", One(arrange::transpose)),
    ("Trilu", One(arrange::trilu)),
    ("Unsqueeze", One(shape::unsqueeze)),
    ("Where", One(logic::choose)),
    ("Xor", One(logic::xor)),
];

/// Computes a node on known inputs; `Ok(None)` if the operator has no arithmetic here.
///
/// # Errors
/// The reason, if the inputs or attributes contradict the operator, or the result has too many elements.
pub(crate) fn evaluate(
    node: &Node,
    inputs: &[Option<Host>],
) -> Result<Option<Vec<Option<Host>>>, String> {
    if !matches!(node.domain(), "" | "ai.onnx") {
        return Ok(None);
    }
    let Ok(found) = OPERATORS.binary_search_by(|(name, _)| (*name).cmp(node.op())) else {
        return Ok(None);
    };
    let inputs = Inputs(inputs);
    let values = match OPERATORS[found].1 {
        One(compute) => vec![compute(node, &inputs)?],
        Many(compute) => compute(node, &inputs)?,
    };
    let wanted = node.outputs();
    if wanted.len() > values.len() {
        return Err(format!(
            "expected at most {} outputs, found {}",
            values.len(),
            wanted.len()
        ));
    }
    let pairs = values.into_iter().zip(wanted);
    let outputs = pairs.map(|(value, name)| name.is_some().then_some(value));
    Ok(Some(outputs.collect()))
}
