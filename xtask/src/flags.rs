//! The arguments, parsed by code that xflags generates.
#![allow(missing_docs, unreachable_pub)]

use std::path::PathBuf;

xflags::xflags! {
    /// Automates this workspace. Outputs go below `target/`.
    cmd xtask {
        /// Run all checks, the cheapest first.
        cmd ci {
            /// Also run the slow tests, package builds, examples, downstream projects and memory tests.
            optional --full
        }
        /// Explain the pictures in models/photos and write them to target/demo, with an index page.
        cmd demo {}
        /// Fetch models from the hub into the shared cache.
        cmd fetch-models {
            /// Architectures or hf:OWNER/NAME[@REVISION] [default: every network that `gradcam models` lists with a repository].
            repeated name: String
        }
        /// Fetch NVIDIA's compiler and libraries from PyPI (1.6 GB), and print the environment for a build with `--features cuda`.
        cmd cuda-toolkit {
            /// Folder for the toolkit [default: target/cuda-toolkit].
            optional --dir dir: PathBuf
            /// Oldest compute capability that the build supports [default: 80, for 8.0].
            optional --compute-cap n: u32
        }
        /// Build a CUDA device emulated on the processor, to run a build with `--features cuda` without a GPU, and print its environment.
        cmd cuda-emulator {}
        /// Run the fuzz targets of tests/fuzz; needs cargo-fuzz and a nightly toolchain.
        cmd fuzz {
            /// Targets [default: all].
            repeated target: String
            /// Executions per target [default: 1000000].
            optional --runs n: u64
        }
        /// Put the binary, built with link-time optimisation, its manual pages and its completions into target/gradcam.
        cmd dist {}
        /// Retrain the small networks that the card needs and the program ships (20 minutes on two busy cores).
        cmd train {}
        /// Compare every architecture with its original in timm or torchvision.
        cmd parity {
            /// Python environment with torch, torchvision, timm and grad-cam.
            required venv: PathBuf
            /// Architectures [default: all].
            repeated architecture: String
        }
        /// Compare networks from ONNX files with onnxruntime and the library that exported them.
        cmd onnx-parity {
            /// Python environment with what tests/onnx/requirements.txt lists.
            required venv: PathBuf
            /// A pattern for the names of files, such as 'resnet*' [default: all].
            optional --only pattern: String
        }
        /// Time Grad-CAM and its parts, alone or in turns with other programs.
        cmd bench {
            /// Architectures [default: one of each family, or with --peers those that the peers are best known for].
            repeated architecture: String
            /// Python environment with torch, torchvision and timm, and any of grad-cam, captum, torchcam, onnxruntime and openvino.
            optional --peers venv: PathBuf
            /// Turns per program, about half a second each [default: 10].
            optional --rounds n: usize
            /// Batch size; may be repeated [default: 1 and 8; on a GPU also 64 and 256].
            repeated --batch n: usize
            /// Device for the networks: cpu, cuda or cuda:N [default: cpu].
            optional --device name: String
            /// Precision: f32, or on a GPU also tf32, f16 or bf16 [default: f32].
            optional --precision name: String
            /// Task: forward, grad-cam, input-gradient, masks, rise or cli; may be repeated [default: all].
            repeated --task name: String
            /// Threads per program [default: one per core].
            optional --threads n: usize
            /// Also write the measurements to this file, as JSON lines.
            optional --json file: PathBuf
        }
    }
}
