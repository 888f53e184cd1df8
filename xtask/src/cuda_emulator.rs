//! A CUDA device emulated on the processor, to run builds with `--features cuda` without a GPU.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::cuda_toolkit::{source_of, stubs};

/// The emulated driver and its headers.
const SOURCE: &str = "tests/cuda";
/// Our kernels, compiled for each of `TYPES`. f16 differs from bf16 by two instructions that only a device has.
const KERNELS: &str = "crates/gradcam-nn/src/cuda/kernels.cu";
const TYPES: [&str; 3] = ["F32", "F64", "BF16"];
/// The kernels of candle that tensors use outside our operations.
const CANDLE: [&str; 7] = [
    "affine", "binary", "cast", "fill", "indexing", "reduce", "unary",
];
/// The libraries that the emulated driver replaces.
const LIBRARIES: [&str; 4] = [
    "libcuda.so.1",
    "libcublas.so.13",
    "libcurand.so.10",
    "libcudnn.so.9",
];

/// Builds the emulated libraries in `target/cuda-emulator`, and prints the environment in which a program loads them instead of a device's.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let folder = sh.current_dir().join("target/cuda-emulator");
    sh.create_dir(&folder)?;
    let mut objects = Vec::new();
    for name in TYPES {
        objects.push(compile_kernels(sh, &folder, Path::new(KERNELS), name)?);
    }
    let candle = source_of(sh, "candle-kernels")?.join("src");
    for name in CANDLE {
        let source = candle.join(name).with_extension("cu");
        objects.push(compile_kernels(sh, &folder, &source, "CANDLE")?);
    }
    let (stub, library) = (folder.join("stubs.c"), folder.join(LIBRARIES[0]));
    sh.write_file(&stub, stubs(sh, &["driver", "cublas", "curand", "cudnn"])?)?;
    let stub_object = stub.with_extension("o");
    cmd!(sh, "cc -fPIC -c -o {stub_object} {stub}").run()?;
    cmd!(
        sh,
        "c++ -std=c++17 -O2 -Wall -Wextra -Wno-clobbered -shared -fPIC -o {library} {SOURCE}/driver.cpp {SOURCE}/libraries.cpp {objects...} {stub_object}"
    )
    .run()?;
    for name in &LIBRARIES[1..] {
        let link = folder.join(name);
        let target = LIBRARIES[0];
        cmd!(sh, "ln -sf {target} {link}").quiet().run()?;
    }
    let folder = folder.canonicalize()?;
    println!(
        "export LD_LIBRARY_PATH={}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}",
        folder.display()
    );
    Ok(())
}

/// Compiles a file of kernels for the processor, and registers each kernel by name.
fn compile_kernels(sh: &Shell, folder: &Path, source: &Path, define: &str) -> Result<PathBuf> {
    let source = sh.current_dir().join(source);
    let stem = source
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let file = folder.join(format!("{stem}-{define}.cpp"));
    let include = format!("#include \"device.h\"\n#include \"{}\"\n", source.display());
    sh.write_file(&file, &include)?;
    let parent = source.parent().unwrap_or(Path::new(""));
    let flags = [
        "-std=c++17".to_string(),
        "-w".to_string(),
        // Kernels read four numbers as one.
        "-fno-strict-aliasing".to_string(),
        format!("-D{define}"),
        // An architecture with bf16 arithmetic.
        "-D__CUDA_ARCH__=800".to_string(),
        format!("-I{SOURCE}"),
        format!("-I{SOURCE}/include"),
        format!("-I{}", parent.display()),
    ];
    let flags = &flags;
    let expanded = cmd!(sh, "c++ {flags...} -E -P {file}").quiet().read()?;
    let mut list = include;
    for rest in expanded.split("extern \"C\"").skip(1) {
        let declared = rest.split_once('(').map(|(declared, _)| declared.trim());
        if let Some(name) = declared.and_then(|declared| declared.strip_prefix("void ")) {
            let name = name.trim();
            list.push_str(&format!(
                "static Enlisted enlisted_{name}(\"{name}\", {name});\n"
            ));
        }
    }
    sh.write_file(&file, list)?;
    let object = file.with_extension("o");
    cmd!(sh, "c++ {flags...} -O2 -fPIC -c -o {object} {file}").run()?;
    Ok(object)
}
