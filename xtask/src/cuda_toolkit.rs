//! A CUDA toolkit without an installer: NVIDIA's wheels in one folder, enough to build with `--features cuda`, with or without a GPU.
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::{Shell, cmd};

/// Each wheel's version and hash.
const WHEELS: &str = "xtask/src/cuda-wheels.txt";

/// Unpacks the wheels into `folder`, unless they are already there, and prints the environment for a build as shell commands.
pub(crate) fn run(sh: &Shell, folder: &Path, compute_capability: u32) -> Result<()> {
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) {
        bail!("the wheels are for Linux on x86-64; install NVIDIA's CUDA toolkit instead");
    }
    if !folder.join("nvidia/cu13/lib/stubs/libcuda.so.1").exists() {
        // Made beside its place and then moved, so that an interrupted download is not mistaken for a toolkit.
        let making = folder.with_extension("making");
        sh.remove_path(&making)?;
        cmd!(
            sh,
            "python3 -m pip install --quiet --no-deps --only-binary :all: --require-hashes --target {making} -r {WHEELS}"
        )
        .run()
        .context("cannot install the wheels from PyPI with `python3 -m pip`")?;
        let made = making.join("nvidia/cu13");
        link_libraries(sh, &made)?;
        build_stub(sh, &made.join("lib/stubs"))?;
        sh.remove_path(folder)?;
        std::fs::rename(&making, folder)
            .with_context(|| format!("cannot move the toolkit to `{}`", folder.display()))?;
    }
    let folder = folder
        .canonicalize()
        .with_context(|| format!("no toolkit at `{}`", folder.display()))?;
    let toolkit = folder.join("nvidia/cu13");
    let root = toolkit.display();
    // cuDNN's wheel has its own folder.
    let libraries = format!("{root}/lib:{}/nvidia/cudnn/lib", folder.display());
    println!("export PATH={root}/bin:$PATH");
    println!("export CUDA_HOME={root}");
    println!("export CUDA_COMPUTE_CAP={compute_capability}");
    // Without a driver, the stub lets a program start and find no device; it must not hide a real driver.
    let loader = cmd!(sh, "ldconfig -p")
        .quiet()
        .ignore_stderr()
        .read()
        .unwrap_or_default();
    let stub = if loader.contains("libcuda.so.1") {
        String::new()
    } else {
        format!(":{root}/lib/stubs")
    };
    println!("export LIBRARY_PATH={libraries}:{root}/lib/stubs");
    println!("export LD_LIBRARY_PATH={libraries}{stub}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}");
    Ok(())
}

/// Links the unversioned names that a linker looks for, and `lib64`, where some build scripts look.
fn link_libraries(sh: &Shell, toolkit: &Path) -> Result<()> {
    let lib = toolkit.join("lib");
    for path in sh.read_dir(&lib)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some((stem, _)) = name.split_once(".so.")
            && !stem.ends_with(".alt")
        {
            let (name, link) = (name.as_ref(), lib.join(format!("{stem}.so")));
            cmd!(sh, "ln -s {name} {link}").quiet().run()?;
        }
    }
    let (cudnn, lib64) = (lib.join("libcudnn.so"), toolkit.join("lib64"));
    cmd!(sh, "ln -s ../../cudnn/lib/libcudnn.so.9 {cudnn}")
        .quiet()
        .run()?;
    cmd!(sh, "ln -s lib {lib64}").quiet().run()?;
    Ok(())
}

/// Builds a libcuda with every function that the bindings name, but without a device.
fn build_stub(sh: &Shell, folder: &Path) -> Result<()> {
    sh.create_dir(folder)?;
    let (file, library) = (folder.join("stub.c"), folder.join("libcuda.so.1"));
    sh.write_file(&file, stubs(sh, &["driver"])?)?;
    cmd!(
        sh,
        "cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o {library} {file}"
    )
    .run()?;
    let link = folder.join("libcuda.so");
    cmd!(sh, "ln -s libcuda.so.1 {link}").quiet().run()?;
    Ok(())
}

/// Generates C source for every function that cudarc's bindings to `libraries` name. Each function is weak and returns
/// CUDA_ERROR_STUB_LIBRARY.
pub(crate) fn stubs(sh: &Shell, libraries: &[&str]) -> Result<String> {
    let mut names = BTreeSet::new();
    for library in libraries {
        let file = source_of(sh, "cudarc")?.join(format!("src/{library}/sys/mod.rs"));
        let bindings = sh.read_file(&file)?;
        names.extend(
            bindings
                .split("fn cu")
                .skip(1)
                .filter_map(|rest| rest.split_once('('))
                .map(|(name, _)| format!("cu{name}"))
                .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')),
        );
    }
    if names.is_empty() {
        bail!("cudarc's bindings name no function");
    }
    let stub = |name| format!("__attribute__((weak)) int {name}(void) {{ return 34; }}\n");
    Ok(names.iter().map(stub).collect())
}

/// Finds the folder of a package's source.
pub(crate) fn source_of(sh: &Shell, package: &str) -> Result<PathBuf> {
    let metadata = cmd!(
        sh,
        "cargo metadata --format-version 1 --locked --all-features"
    )
    .quiet()
    .read()?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array();
    packages
        .into_iter()
        .flatten()
        .find(|found| found["name"] == package)
        .and_then(|found| found["manifest_path"].as_str())
        .and_then(|manifest| Path::new(manifest).parent())
        .map(Path::to_path_buf)
        .with_context(|| format!("the workspace does not depend on {package}"))
}
