//! Failed downloads and their messages to the user.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use gradcam_models::hub::{Fetched, Hub, HubError};
use tempfile::TempDir;

use super::server::{Blob, Server};
use super::{FIRST, ID, SECOND, blobs, commit, fetch, hub, repo, sha256, site, weights};

#[test]
fn missing_repositories_revisions_and_files_are_told_apart() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let error = fetch(&hub(&server, &cache), "timm/nothing").unwrap_err();
    assert!(
        matches!(&error, HubError::NoRepo { repo, .. } if repo == "timm/nothing"),
        "{error}"
    );
    let error = fetch(&hub(&server, &cache), &format!("{ID}@v9")).unwrap_err();
    assert!(
        matches!(&error, HubError::NoRevision { revision, .. } if revision == "v9"),
        "{error}"
    );
    server
        .site()
        .files
        .remove(&format!("{FIRST}/model.safetensors"));
    let error = fetch(&hub(&server, &cache), ID).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`timm/tiny.v1` has no `model.safetensors` at `main`"
    );

    let blob = Blob {
        bytes: vec![1],
        etag: "ab".into(),
    };
    for name in ["pytorch_model.bin", "README.md"] {
        server
            .site()
            .files
            .insert(format!("{FIRST}/{name}"), blob.clone());
    }
    let error = fetch(&hub(&server, &cache), ID).unwrap_err();
    assert!(
        matches!(&error, HubError::NoSafetensors { found, .. } if found == "`pytorch_model.bin`"),
        "{error}"
    );
    assert!(error.to_string().contains("gradcam import"), "{error}");
    server.site().files.remove(&format!("{FIRST}/config.json"));
    let error = fetch(&hub(&server, &cache), ID).unwrap_err();
    assert!(
        matches!(&error, HubError::NoFile { file, .. } if file == "config.json"),
        "{error}"
    );
    let mut offline = hub(&server, &cache);
    offline.offline = true;
    assert!(
        fetch(&offline, ID).is_err(),
        "an incomplete commit becomes no branch's commit"
    );
}

#[test]
fn refused_access_says_what_to_do() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    server.site().token = Some("hf_right".into());
    let mut hub = hub(&server, &cache);
    let error = fetch(&hub, ID).unwrap_err().to_string();
    assert!(
        error.contains("401") && error.contains("set `HF_TOKEN`"),
        "{error}"
    );
    hub.token = Some("hf_wrong".into());
    let error = fetch(&hub, ID).unwrap_err().to_string();
    assert!(
        error.contains("the token (`HF_TOKEN`) is not valid"),
        "{error}"
    );
    assert!(!error.contains("hf_wrong"), "{error}");
    server.site().denied = (403, "GatedRepo");
    let error = fetch(&hub, ID).unwrap_err().to_string();
    assert!(
        error.contains("gated") && error.contains(&format!("{}/{ID}", server.url)),
        "{error}"
    );
    hub.token = Some("hf_right".into());
    fetch(&hub, ID).unwrap();
}

#[test]
fn wrong_bytes_are_deleted_and_never_enter_the_cache() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let key = format!("{FIRST}/model.safetensors");
    server.site().files.get_mut(&key).unwrap().bytes[500_000] ^= 1;
    let mut flipped = weights(1);
    flipped[500_000] ^= 1;
    let (expected, found) = (sha256(&weights(1)), sha256(&flipped));
    let error = fetch(&hub(&server, &cache), ID).unwrap_err();
    assert!(
        matches!(&error, HubError::Checksum { expected: e, found: f, .. } if *e == expected && *f == found),
        "{error}"
    );
    assert_eq!(blobs(&cache), ["c0ffee".repeat(6) + "c0ff"]);

    server.site().files.get_mut(&key).unwrap().bytes = weights(1);
    fetch(&hub(&server, &cache), ID).unwrap();
}

#[test]
fn a_known_checksum_is_compared_on_every_call() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let hub = hub(&server, &cache);
    let (right, wrong) = (sha256(&weights(1)).to_uppercase(), sha256(&weights(2)));
    let with = |name: &str, sum: &str| hub.fetch(&repo(name), Some(sum), &mut |_| {});
    let error = with(ID, &wrong).unwrap_err();
    assert!(
        matches!(&error, HubError::Checksum { expected, .. } if *expected == wrong),
        "{error}"
    );
    assert!(
        server
            .requests()
            .iter()
            .all(|r| !r.contains("GET") || r.contains("config")),
        "told before the download"
    );
    let weights_of = |fetched: Fetched| fs::read(fetched.weights).unwrap();
    assert_eq!(weights_of(with(ID, &right).unwrap()), weights(1));
    assert_eq!(weights_of(with(ID, &right).unwrap()), weights(1));

    // Damage in the cache is found by the next call, with or without the network, and repaired by the one after it.
    let blob = cache
        .path()
        .join("models--timm--tiny.v1/blobs")
        .join(sha256(&weights(1)));
    for name in [ID.to_string(), format!("{ID}@{FIRST}")] {
        fs::write(&blob, weights(3)).unwrap();
        let error = with(&name, &right).unwrap_err();
        assert!(
            matches!(&error, HubError::Checksum { found, .. } if *found == sha256(&weights(3))),
            "{error}"
        );
        assert!(!blob.exists());
        assert_eq!(weights_of(with(&name, &right).unwrap()), weights(1));
    }

    // A file that the hub identifies by another kind of hash is compared as well.
    let key = format!("{SECOND}/model.safetensors");
    commit(&mut server.site(), SECOND, 2);
    server.site().files.get_mut(&key).unwrap().etag = "beef".into();
    let name = format!("{ID}@{SECOND}");
    assert!(matches!(
        with(&name, &right),
        Err(HubError::Checksum { .. })
    ));
    assert_eq!(weights_of(with(&name, &wrong).unwrap()), weights(2));
}

#[test]
fn no_hub_is_a_clear_error() {
    let cache = TempDir::new().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let error = fetch(&Hub::new(&endpoint, cache.path()), ID).unwrap_err();
    assert!(
        matches!(&error, HubError::Unreachable { reason, .. } if reason == "connection refused"),
        "{error}"
    );
    for part in [endpoint.as_str(), "HF_HUB_OFFLINE=1", "local folder"] {
        assert!(error.to_string().contains(part), "{part} in: {error}");
    }
    // Accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut hub = Hub::new(
        format!("http://{}/", silent.local_addr().unwrap()),
        cache.path(),
    );
    hub.timeout = Duration::from_millis(200);
    let error = fetch(&hub, ID).unwrap_err();
    assert!(
        matches!(&error, HubError::Unreachable { reason, .. } if reason == "no answer for 0.2 s"),
        "{error}"
    );
    for endpoint in ["huggingface.co", "ftp://huggingface.co", "", "http:// x"] {
        let error = fetch(&Hub::new(endpoint, cache.path()), ID).unwrap_err();
        assert!(
            matches!(error, HubError::BadEndpoint { .. }),
            "{endpoint}: {error}"
        );
    }
}

#[test]
fn hostile_headers_name_no_files() {
    let cache = TempDir::new().unwrap();
    for etag in ["../../../evil", "", "a/b", ".."] {
        let mut site = site();
        site.files
            .get_mut(&format!("{FIRST}/config.json"))
            .unwrap()
            .etag = etag.into();
        let error = fetch(&hub(&Server::start(site), &cache), ID).unwrap_err();
        assert!(
            matches!(error, HubError::Protocol { .. }),
            "{etag}: {error}"
        );
    }
    let mut site = site();
    commit(&mut site, "../..", 1);
    site.revisions.insert("main".into(), "../..".into());
    let error = fetch(&hub(&Server::start(site), &cache), ID).unwrap_err();
    assert!(matches!(error, HubError::Protocol { .. }), "{error}");
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_and_an_unwritable_cache_are_named() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let folder = cache.path().join("models--timm--tiny.v1/blobs");
    fs::create_dir_all(&folder).unwrap();
    let part = folder.join(format!("{}.incomplete", sha256(&weights(1))));
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let error = fetch(&hub(&server, &cache), ID).unwrap_err();
    assert!(
        matches!(
            &error,
            HubError::DiskFull {
                missing: 1_000_000,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("HF_HUB_CACHE"), "{error}");

    let file = cache.path().join("a-file");
    fs::write(&file, "").unwrap();
    let mut hub = hub(&server, &cache);
    hub.cache = file.join("cache");
    let error = fetch(&hub, ID).unwrap_err();
    assert!(
        matches!(&error, HubError::Cache { path, .. } if path.starts_with(&file)),
        "{error}"
    );
}
