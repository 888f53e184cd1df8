//! The hub client against a loopback server that speaks the hub's protocol.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod refusals;
mod resume;
mod server;

use std::fs;
use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use gradcam_models::hub::{Fetched, Hub, HubError, Progress, Repo};
use gradcam_models::{Model, sha256};
use server::{Blob, Fault, Server, Site};
use tempfile::TempDir;

const ID: &str = "timm/tiny.v1";
const FIRST: &str = "1111111111111111111111111111111111111111";
const SECOND: &str = "2222222222222222222222222222222222222222";
const CONFIG: &[u8] = b"{\"architecture\": \"tiny\"}";

fn weights(seed: u32) -> Vec<u8> {
    (0..1_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8)
        .collect()
}

/// Makes a repository with one commit on `main`: the config under a git ETag, the weights under their SHA-256.
fn site() -> Site {
    let mut site = Site {
        repo: ID.into(),
        denied: (401, ""),
        ..Site::default()
    };
    site.revisions.insert("main".into(), FIRST.into());
    commit(&mut site, FIRST, 1);
    site
}

fn commit(site: &mut Site, commit: &str, seed: u32) {
    let config = Blob {
        bytes: CONFIG.to_vec(),
        etag: "c0ffee".repeat(6) + "c0ff",
    };
    let bytes = weights(seed);
    let etag = sha256(&bytes);
    site.files.insert(format!("{commit}/config.json"), config);
    site.files
        .insert(format!("{commit}/model.safetensors"), Blob { bytes, etag });
}

fn hub(server: &Server, cache: &TempDir) -> Hub {
    let mut hub = Hub::new(&server.url, cache.path());
    hub.pause = Duration::from_millis(1);
    hub
}

fn repo(text: &str) -> Repo {
    text.parse().unwrap()
}

fn fetch(hub: &Hub, name: &str) -> Result<Fetched, HubError> {
    hub.fetch(&repo(name), None, &mut |_| {})
}

/// Lists the files of a blob folder, sorted.
fn blobs(cache: &TempDir) -> Vec<String> {
    let folder = cache.path().join("models--timm--tiny.v1/blobs");
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|dir| {
            dir.map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

fn gets(requests: &[String]) -> Vec<&String> {
    requests.iter().filter(|r| r.starts_with("GET")).collect()
}

#[test]
fn fetch_fills_the_shared_cache_and_reports_progress() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let mut seen: Vec<(String, u64, u64)> = Vec::new();
    let fetched = hub(&server, &cache)
        .fetch(&repo(ID), Some(&sha256(&weights(1))), &mut |p: Progress<
            '_,
        >| {
            seen.push((p.file.into(), p.done, p.total))
        })
        .unwrap();

    let snapshot = cache
        .path()
        .join("models--timm--tiny.v1/snapshots")
        .join(FIRST);
    assert_eq!(fetched.config, snapshot.join("config.json"));
    assert_eq!(fetched.weights, snapshot.join("model.safetensors"));
    assert_eq!(fetched.commit, FIRST);
    assert_eq!(fs::read(&fetched.config).unwrap(), CONFIG);
    assert_eq!(fs::read(&fetched.weights).unwrap(), weights(1));
    assert_eq!(
        fs::read_to_string(cache.path().join("models--timm--tiny.v1/refs/main")).unwrap(),
        FIRST
    );
    let mut expected = vec!["c0ffee".repeat(6) + "c0ff", sha256(&weights(1))];
    expected.sort();
    assert_eq!(blobs(&cache), expected, "no part is left over");
    #[cfg(unix)]
    assert_eq!(
        fs::read_link(&fetched.weights).unwrap(),
        Path::new("../../blobs").join(sha256(&weights(1)))
    );

    for (file, total) in [
        ("config.json", CONFIG.len() as u64),
        ("model.safetensors", 1_000_000),
    ] {
        let steps: Vec<u64> = seen.iter().filter(|s| s.0 == file).map(|s| s.1).collect();
        assert_eq!((steps[0], steps[steps.len() - 1]), (0, total), "{file}");
        assert!(
            steps.windows(2).all(|pair| pair[0] < pair[1]),
            "{file}: {steps:?}"
        );
        assert!(seen.iter().filter(|s| s.0 == file).all(|s| s.2 == total));
    }
}

#[test]
fn a_second_fetch_asks_for_the_branch_only_and_a_commit_not_at_all() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let first = fetch(&hub(&server, &cache), ID).unwrap();
    server.requests();

    assert_eq!(fetch(&hub(&server, &cache), ID).unwrap(), first);
    assert_eq!(
        server.requests(),
        [format!("HEAD /{ID}/resolve/main/config.json")]
    );

    assert_eq!(
        fetch(&hub(&server, &cache), &format!("{ID}@{FIRST}")).unwrap(),
        first
    );
    assert_eq!(server.requests(), [""; 0]);
}

#[test]
fn a_moved_branch_brings_both_files_of_the_new_commit() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    fetch(&hub(&server, &cache), ID).unwrap();
    commit(&mut server.site(), SECOND, 2);
    server.site().revisions.insert("main".into(), SECOND.into());
    server.requests();

    let second = fetch(&hub(&server, &cache), ID).unwrap();
    assert_eq!(second.commit, SECOND);
    assert_eq!(fs::read(&second.weights).unwrap(), weights(2));
    assert_eq!(fs::read(&second.config).unwrap(), CONFIG);
    // The config has the same ETag, so its blob serves both commits.
    assert_eq!(
        gets(&server.requests()),
        [&format!("GET /{ID}/resolve/{SECOND}/model.safetensors")]
    );
}

/// Makes a complete CLIP: a config of transformers with its companion files, except the tokenizer.
fn clip_site() -> Site {
    let mut site = site();
    let mut add = |name: &str, bytes: &[u8]| {
        let etag = sha256(bytes);
        let bytes = bytes.to_vec();
        site.files
            .insert(format!("{FIRST}/{name}"), Blob { bytes, etag });
    };
    add("config.json", b"{\"model_type\": \"clip\"}");
    add("preprocessor_config.json", b"{\"resample\": 3}");
    site
}

#[test]
fn what_belongs_to_the_model_is_fetched_too_and_what_is_not_there_asked_for_once() {
    let (server, cache) = (Server::start(clip_site()), TempDir::new().unwrap());
    let fetched = fetch(&hub(&server, &cache), ID).unwrap();
    let beside = |name| fetched.config.with_file_name(name);
    assert_eq!(
        fs::read(beside("preprocessor_config.json")).unwrap(),
        b"{\"resample\": 3}"
    );
    assert!(!beside("tokenizer.json").exists());
    let asked = format!("HEAD /{ID}/resolve/{FIRST}/tokenizer.json");
    assert!(server.requests().contains(&asked));
    // In the form that Python's client writes.
    let note = cache
        .path()
        .join("models--timm--tiny.v1/.no_exist")
        .join(FIRST)
        .join("tokenizer.json");
    assert_eq!(fs::read(&note).unwrap(), b"");

    assert_eq!(fetch(&hub(&server, &cache), ID).unwrap(), fetched);
    assert_eq!(
        server.requests(),
        [format!("HEAD /{ID}/resolve/main/config.json")]
    );
    let pinned = format!("{ID}@{FIRST}");
    assert_eq!(fetch(&hub(&server, &cache), &pinned).unwrap(), fetched);
    assert_eq!(server.requests(), [""; 0]);
}

#[test]
fn a_cache_that_others_filled_is_completed_but_not_offline() {
    let mut site = clip_site();
    let tokenizer = Blob {
        bytes: b"{}".to_vec(),
        etag: sha256(b"{}"),
    };
    site.files
        .insert(format!("{FIRST}/tokenizer.json"), tokenizer);
    let (server, cache) = (Server::start(site), TempDir::new().unwrap());
    let fetched = fetch(&hub(&server, &cache), ID).unwrap();
    let tokenizer = fetched.config.with_file_name("tokenizer.json");
    fs::remove_file(&tokenizer).unwrap();
    server.requests();

    let pinned = format!("{ID}@{FIRST}");
    let mut offline = hub(&server, &cache);
    offline.offline = true;
    assert_eq!(fetch(&offline, &pinned).unwrap(), fetched);
    assert!(server.requests().is_empty() && !tokenizer.exists());
    assert_eq!(fetch(&hub(&server, &cache), &pinned).unwrap(), fetched);
    assert_eq!(fs::read(&tokenizer).unwrap(), b"{}");
}

/// The tiny CLIP of `tests/golden/clip.py`, from a server.
#[test]
fn a_clip_of_the_hub_has_both_towers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/clip");
    let mut site = site();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let etag = sha256(&bytes);
        let name = path.file_name().unwrap().to_str().unwrap();
        site.files
            .insert(format!("{FIRST}/{name}"), Blob { bytes, etag });
    }
    let (server, cache) = (Server::start(site), TempDir::new().unwrap());
    let hub = hub(&server, &cache);
    let model = Model::from_hub(&hub, &repo(ID), &mut |_| {}, &Device::Cpu).unwrap();
    assert_eq!(model.name, format!("{ID}@{FIRST}"));
    // `preprocessor_config.json` says 64 × 64 pixels without a margin.
    assert_eq!(model.preprocess.input_size, (64, 64));
    assert!((model.preprocess.crop_pct - 1.0).abs() < 1e-12);
    let encoder = model.text_encoder().unwrap();
    assert_eq!(encoder.embed("a cat").unwrap().len(), model.labels.len());
}

#[test]
fn revisions_are_pinned_by_branch_tag_and_commit() {
    let mut site = site();
    commit(&mut site, SECOND, 2);
    site.revisions.insert("v2.0".into(), SECOND.into());
    site.revisions.insert("refs/pr/1".into(), SECOND.into());
    let (server, cache) = (Server::start(site), TempDir::new().unwrap());
    for (revision, expected) in [
        ("main", 1),
        ("v2.0", 2),
        ("refs/pr/1", 2),
        (FIRST, 1),
        (SECOND, 2),
    ] {
        let fetched = fetch(&hub(&server, &cache), &format!("{ID}@{revision}")).unwrap();
        assert_eq!(
            fs::read(fetched.weights).unwrap(),
            weights(expected),
            "{revision}"
        );
    }
    let refs = cache.path().join("models--timm--tiny.v1/refs");
    assert_eq!(fs::read_to_string(refs.join("refs/pr/1")).unwrap(), SECOND);
    assert!(!refs.join(FIRST).exists(), "a commit needs no ref");
    assert!(
        server
            .requests()
            .iter()
            .any(|r| r.contains("/resolve/refs%2Fpr%2F1/"))
    );
}

#[test]
fn large_files_come_from_the_storage_host_which_never_sees_the_token() {
    let storage = Server::start(site());
    let mut site = site();
    // Another host name for the same machine.
    site.storage = Some(format!("http://localhost:{}", storage.port));
    site.token = Some("hf_secret".into());
    site.old_name = Some("rwightman/tiny.v1".into());
    let (server, cache) = (Server::start(site), TempDir::new().unwrap());
    storage.site().faults = vec![Fault::Cut(123_456)];
    let mut hub = hub(&server, &cache);
    hub.token = Some("hf_secret".into());
    let fetched = fetch(&hub, ID).unwrap();
    assert_eq!(fs::read(fetched.weights).unwrap(), weights(1));
    assert!(
        server
            .requests()
            .iter()
            .all(|r| r.ends_with(" Bearer hf_secret"))
    );
    let stored = format!("GET /storage/{FIRST}/model.safetensors");
    assert_eq!(
        storage.requests(),
        [stored.clone(), format!("{stored} bytes=123456-")]
    );
}

#[test]
fn a_renamed_repository_is_followed() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    server.site().old_name = Some("old/name".into());
    let fetched = fetch(&hub(&server, &cache), "old/name").unwrap();
    assert_eq!(fs::read(fetched.weights).unwrap(), weights(1));
    assert!(cache.path().join("models--old--name/refs/main").exists());
}

#[test]
fn offline_uses_the_cache_and_names_what_it_lacks() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let mut offline = hub(&server, &cache);
    offline.offline = true;
    let error = fetch(&offline, &format!("{ID}@main"))
        .unwrap_err()
        .to_string();
    for part in [
        "`config.json`",
        "`timm/tiny.v1@main`",
        "gradcam layers hf:timm/tiny.v1@main",
        "HF_HUB_OFFLINE",
    ] {
        assert!(error.contains(part), "{part} in: {error}");
    }
    assert!(server.requests().is_empty());

    let online = fetch(&hub(&server, &cache), ID).unwrap();
    server.requests();
    assert_eq!(fetch(&offline, ID).unwrap(), online);
    assert_eq!(fetch(&offline, &format!("{ID}@{FIRST}")).unwrap(), online);
    assert!(matches!(
        fetch(&offline, &format!("{ID}@{SECOND}")),
        Err(HubError::NotCached { .. })
    ));
    fs::remove_file(&online.weights).unwrap();
    let error = fetch(&offline, ID).unwrap_err();
    assert!(
        matches!(&error, HubError::NotCached { file, .. } if file == "model.safetensors"),
        "{error}"
    );
    assert!(server.requests().is_empty(), "offline makes no request");
}

#[test]
fn repository_names_follow_the_rules_of_the_hub() {
    let pinned = repo("timm/resnet50.a1_in1k@refs/pr/1");
    assert_eq!(
        (pinned.id.as_str(), pinned.revision()),
        ("timm/resnet50.a1_in1k", "refs/pr/1")
    );
    assert_eq!(pinned.to_string(), "timm/resnet50.a1_in1k@refs/pr/1");
    assert_eq!(
        (repo(ID).revision, repo(ID).to_string().as_str()),
        (None, ID)
    );
    let long = format!("timm/{}", "x".repeat(97));
    for bad in [
        "",
        "/",
        "resnet50",
        "timm/",
        "/x",
        "a/b/c",
        "timm/a b",
        "timm/ä",
        "../..",
        "timm/..",
        "timm/a--b",
        "timm/-a",
        "timm/a.",
        "hf:timm/a",
        "timm/a@",
        "timm/a@../x",
        "timm/a@/x",
        "timm/a@x/",
        "timm/a@x y",
        "timm/a@x\\y",
        "timm/a@a..b",
        "timm/a@a\n",
        &long,
    ] {
        let error = bad.parse::<Repo>().unwrap_err();
        assert!(
            matches!(&error, HubError::BadRepo { text, .. } if text == bad),
            "{bad:?}: {error}"
        );
    }
}

#[test]
fn the_environment_is_read_as_python_reads_it() {
    let home = TempDir::new().unwrap();
    let path = |text: &str| home.path().join(text).to_str().unwrap().to_string();
    let hub = |vars: &[(&str, String)]| {
        Hub::from_vars(|name| {
            vars.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.clone())
        })
        .unwrap()
    };
    let plain = hub(&[("XDG_CACHE_HOME", path("xdg"))]);
    assert_eq!(
        (plain.endpoint.as_str(), plain.offline, plain.token),
        (Hub::ENDPOINT, false, None)
    );
    assert_eq!(plain.cache, Path::new(&path("xdg/huggingface/hub")));

    fs::create_dir(path("hf")).unwrap();
    fs::write(path("hf/token"), "hf_file\n").unwrap();
    let all = [
        ("HF_HOME", path("hf")),
        ("XDG_CACHE_HOME", path("xdg")),
        ("HF_ENDPOINT", "https://mirror.example/".to_string()),
        ("HF_HUB_OFFLINE", "True".to_string()),
    ];
    let some = hub(&all);
    assert_eq!(
        (some.endpoint.as_str(), some.offline),
        ("https://mirror.example", true)
    );
    assert_eq!(
        (some.cache.as_path(), some.token.as_deref()),
        (Path::new(&path("hf/hub")), Some("hf_file"))
    );
    let more = [
        &all[..],
        &[
            ("HF_HUB_CACHE", path("c")),
            ("HF_TOKEN", " hf_var\n".to_string()),
        ],
    ]
    .concat();
    let more = hub(&more);
    assert_eq!(
        (more.cache.as_path(), more.token.as_deref()),
        (Path::new(&path("c")), Some("hf_var"))
    );
    assert!(!hub(&[("HF_HOME", path("x")), ("HF_HUB_OFFLINE", "0".to_string())]).offline);
}
