//! From a node of the graph to the steps of a plan: one normal form for each operator, whatever its operator set.

mod arithmetic;
mod call;
mod conv;
mod einsum;
mod elementwise;
mod norm;
mod pick;
mod pool;
mod product;
mod quantise;
mod reduce;
mod resize;
mod shape;

pub(crate) use call::Call;

use crate::plan::builder::Builder;
use crate::plan::value::Value;
use crate::reason::Reason;

/// Adds the steps of a node that depends on the image, and returns its outputs.
///
/// # Errors
/// When the operator or its form is not supported, with the reason.
pub(crate) fn lower(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<Value>, Reason> {
    let one = |value| Ok(vec![value]);
    let node = call.node();
    if !matches!(node.domain(), "" | "ai.onnx") {
        return Err(format!(
            "operators of the domain `{}` are not known",
            node.domain()
        ));
    }
    let map = match node.op() {
        "Conv" => conv::conv(b, call)?,
        "ConvTranspose" => conv::transposed(b, call)?,
        "MaxPool" => pool::max(b, call)?,
        "AveragePool" => pool::average(b, call)?,
        "GlobalAveragePool" => pool::global_average(b, call)?,
        "GlobalMaxPool" => pool::global_max(b, call)?,
        "MatMul" => product::matmul(b, call)?,
        "Gemm" => product::gemm(b, call)?,
        "Einsum" => einsum::einsum(b, call)?,
        "BatchNormalization" => norm::batch(b, call)?,
        "LayerNormalization" => norm::layer(b, call)?,
        "InstanceNormalization" => norm::instance(b, call)?,
        "GroupNormalization" => norm::group(b, call)?,
        "RMSNormalization" => norm::root_mean_square(b, call)?,
        "LpNormalization" => norm::length(b, call)?,
        "LRN" => norm::local_response(b, call)?,
        "Add" | "Sum" => arithmetic::sum(b, call)?,
        "Sub" => arithmetic::difference(b, call)?,
        "Mul" => arithmetic::product(b, call)?,
        "Div" => arithmetic::quotient(b, call)?,
        "Pow" => arithmetic::power(b, call)?,
        "Mean" => arithmetic::mean(b, call)?,
        "Max" => arithmetic::maximum(b, call)?,
        "Min" => arithmetic::minimum(b, call)?,
        "Where" => arithmetic::choice(b, call)?,
        "IsNaN" => return one(Value::IsNan(call.map(b, 0)?)),
        "Neg" => {
            let x = call.map(b, 0)?;
            b.scale(&x, -1.0)?
        }
        "Selu" => elementwise::selu(b, call)?,
        "PRelu" => elementwise::parametric_relu(b, call)?,
        "Softmax" => elementwise::softmax(b, call)?,
        "LogSoftmax" => elementwise::log_softmax(b, call)?,
        "Identity" | "Dropout" | "Cast" | "CastLike" => return shape::same(b, call),
        "Shape" => return shape::shape(b, call),
        "Size" => return shape::size(b, call),
        "Reshape" => shape::reshape(b, call)?,
        "Flatten" => shape::flatten(b, call)?,
        "Squeeze" => shape::squeeze(b, call)?,
        "Unsqueeze" => shape::unsqueeze(b, call)?,
        "Transpose" => shape::transpose(b, call)?,
        "Expand" => shape::expand(b, call)?,
        "Concat" => pick::concat(b, call)?,
        "Split" => return pick::split(b, call),
        "Slice" => pick::slice(b, call)?,
        "Gather" => pick::gather(b, call)?,
        "GatherND" => pick::gather_nd(b, call)?,
        "Pad" => pick::pad(b, call)?,
        "Tile" => pick::tile(b, call)?,
        "DepthToSpace" => pick::depth_to_space(b, call)?,
        "SpaceToDepth" => pick::space_to_depth(b, call)?,
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL1" | "ReduceL2"
        | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceSumSquare" => reduce::reduce(b, call)?,
        "Resize" | "Upsample" => resize::resize(b, call)?,
        "QuantizeLinear" => quantise::quantise(b, call)?,
        "DequantizeLinear" => quantise::widened(b, call)?,
        _ => match elementwise::function(call)? {
            Some(f) => {
                let x = call.map(b, 0)?;
                b.activation(f, &x)?
            }
            None => return Err(unknown(node.op())),
        },
    };
    one(Value::Map(map))
}

/// Says why an operator is not among the above.
fn unknown(op: &str) -> Reason {
    match op {
        "TopK" | "NonMaxSuppression" | "ArgMax" | "ArgMin" | "NonZero" | "Unique" | "Hardmax"
        | "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "Not" | "And" | "Or"
        | "Xor" | "OneHot" => "its output has no gradient with respect to the image",
        "Loop" | "Scan" | "If" => "its steps depend on the image",
        "LSTM" | "GRU" | "RNN" => "recurrent layers are not supported",
        "ConvInteger" | "MatMulInteger" | "DynamicQuantizeLinear" | "QLinearConv"
        | "QLinearMatMul" => {
            "integer arithmetic has no gradient; export the network before it is quantised, or in the form with QuantizeLinear and DequantizeLinear"
        }
        _ => "the operator is not supported",
    }
    .to_string()
}
