//! The arguments, as xflags generates them.
#![allow(missing_docs, unreachable_pub)]

use std::path::PathBuf;

xflags::xflags! {
    /// The chores of this workspace. Outputs go below `target/`.
    cmd xtask {
        /// Run every check, the cheapest first.
        cmd ci {
            /// Run the slow tests, the packages' builds, the examples, the projects of users and the tests of memory too.
            optional --full
        }
        /// Explain the pictures in models/photos into target/demo, with an index page.
        cmd demo {}
        /// Fetch models of the hub into the shared cache.
        cmd fetch-models {
            /// Architectures or hf:OWNER/NAME[@REVISION]; none for every network that `gradcam models` lists with a repository.
            repeated name: String
        }
        /// Fetch NVIDIA's compiler and libraries from PyPI (1.6 GB) and print the environment that a build with `--features cuda` needs.
        cmd cuda-toolkit {
            /// Where the toolkit is kept [default: target/cuda-toolkit].
            optional --dir dir: PathBuf
            /// The oldest GPU that the build shall run on [default: 80, for 8.0].
            optional --compute-cap n: u32
        }
        /// Build a CUDA device that is the processor, to run a build with `--features cuda` without a GPU, and print its environment.
        cmd cuda-emulator {}
        /// Run the fuzz targets of tests/fuzz; needs cargo-fuzz and a nightly toolchain.
        cmd fuzz {
            /// Targets; none for all.
            repeated target: String
            /// Executions of each target [default: 1000000].
            optional --runs n: u64
        }
        /// Put the binary, optimised as a whole, its manual pages and its completions into target/gradcam.
        cmd dist {}
        /// Train the small networks again that the card needs and that come with the program (20 minutes on two cores that had other work too).
        cmd train {}
        /// Compare every architecture with timm's and torchvision's.
        cmd parity {
            /// A Python environment with torch, torchvision, timm and grad-cam.
            required venv: PathBuf
            /// Architectures; none for all.
            repeated architecture: String
        }
        /// Time Grad-CAM and what it consists of, alone or in turns with other programs.
        cmd bench {
            /// Architectures; none for one of each family, or with --peers for those that the peers are best known for.
            repeated architecture: String
            /// A Python environment with torch, torchvision and timm, and any of grad-cam, captum, torchcam, onnxruntime and openvino.
            optional --peers venv: PathBuf
            /// Turns of each program, about half a second each [default: 10].
            optional --rounds n: usize
            /// Images computed together; may be given more than once [default: 1 and 8; on a GPU 64 and 256 too].
            repeated --batch n: usize
            /// Where the networks run: cpu, cuda or cuda:N [default: cpu].
            optional --device name: String
            /// f32, and on a GPU tf32, f16 or bf16 [default: f32].
            optional --precision name: String
            /// forward, grad-cam, input-gradient, masks, rise or cli; may be given more than once [default: all].
            repeated --task name: String
            /// Threads of each program [default: one for each core].
            optional --threads n: usize
            /// Also write the measurements to this file, one JSON line each.
            optional --json file: PathBuf
        }
    }
}
