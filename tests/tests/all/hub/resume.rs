//! Broken, silent and repeated downloads.

use std::fs;
use std::time::{Duration, Instant};

use gradcam_models::hub::HubError;
use tempfile::TempDir;

use super::server::{Fault, Server};
use super::{FIRST, ID, blobs, fetch, gets, hub, repo, sha256, site, weights};

#[test]
fn a_cut_connection_is_taken_up_where_it_broke() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    server.site().faults = vec![
        Fault::Cut(300_000),
        Fault::Status(503),
        Fault::Cut(0),
        Fault::Cut(400_000),
    ];
    let fetched = fetch(&hub(&server, &cache), ID).unwrap();
    assert_eq!(fs::read(fetched.weights).unwrap(), weights(1));
    let get = format!("GET /{ID}/resolve/{FIRST}/model.safetensors");
    let requests = server.requests();
    let ours: Vec<_> = requests
        .iter()
        .filter_map(|r| r.strip_prefix(&get))
        .collect();
    assert_eq!(
        ours,
        [
            "",
            " bytes=300000-",
            " bytes=300000-",
            " bytes=300000-",
            " bytes=700000-"
        ]
    );
}

#[test]
fn a_connection_that_breaks_often_but_brings_bytes_is_not_given_up() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    server.site().faults = vec![Fault::Cut(100_000); 9];
    let fetched = fetch(&hub(&server, &cache), ID).unwrap();
    assert_eq!(fs::read(fetched.weights).unwrap(), weights(1));
    assert_eq!(server.site().faults.len(), 0);
}

#[test]
fn a_silent_connection_is_dropped_and_taken_up() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    server.site().faults = vec![Fault::Stall(250_000)];
    let mut hub = hub(&server, &cache);
    hub.timeout = Duration::from_secs(1);
    let start = Instant::now();
    let fetched = fetch(&hub, ID).unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "the server stalls for 20 s"
    );
    assert_eq!(fs::read(fetched.weights).unwrap(), weights(1));
    assert!(
        server
            .requests()
            .iter()
            .any(|r| r.ends_with(" bytes=250000-"))
    );
}

#[test]
fn a_broken_download_is_kept_for_the_next_run() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    server.site().faults = [vec![Fault::Cut(600_000)], vec![Fault::Cut(0); 5]].concat();
    let error = fetch(&hub(&server, &cache), ID).unwrap_err();
    assert!(
        matches!(
            &error,
            HubError::Interrupted {
                done: 600_000,
                total: 1_000_000,
                attempts: 5,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("run again to resume"), "{error}");
    assert!(blobs(&cache).contains(&format!("{}.incomplete", sha256(&weights(1)))));
    let mut offline = hub(&server, &cache);
    offline.offline = true;
    assert!(
        matches!(fetch(&offline, ID), Err(HubError::NotCached { .. })),
        "a part is no file"
    );
    server.requests();

    let mut first = None;
    let fetched = hub(&server, &cache)
        .fetch(&repo(ID), None, &mut |p| first = first.or(Some(p.done)))
        .unwrap();
    assert_eq!(first, Some(600_000), "progress begins with what is on disk");
    assert_eq!(fs::read(fetched.weights).unwrap(), weights(1));
    assert!(gets(&server.requests())[0].ends_with(" bytes=600000-"));
}

#[test]
fn a_server_without_ranges_sends_the_file_again() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    server.site().faults = vec![Fault::Cut(300_000)];
    server.site().no_ranges = true;
    let fetched = fetch(&hub(&server, &cache), ID).unwrap();
    assert_eq!(fs::read(fetched.weights).unwrap(), weights(1));

    // A download that always breaks at the same byte is given up, although each attempt sends bytes.
    let cache = TempDir::new().unwrap();
    server.site().faults = vec![Fault::Cut(300_000); 50];
    let error = fetch(&hub(&server, &cache), ID).unwrap_err();
    assert!(
        matches!(error, HubError::Interrupted { done: 300_000, .. }),
        "{error}"
    );
}

#[test]
fn a_complete_part_is_used_and_a_foreign_one_is_found_out() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let folder = cache.path().join("models--timm--tiny.v1/blobs");
    let part = folder.join(format!("{}.incomplete", sha256(&weights(1))));
    fs::create_dir_all(&folder).unwrap();

    fs::write(&part, [7; 1000]).unwrap();
    let error = fetch(&hub(&server, &cache), ID).unwrap_err();
    assert!(
        matches!(&error, HubError::Checksum { expected, .. } if *expected == sha256(&weights(1))),
        "{error}"
    );
    assert!(!part.exists(), "the wrong bytes are gone");

    fs::write(&part, [&weights(1)[..], b"more"].concat()).unwrap();
    assert_eq!(
        fs::read(fetch(&hub(&server, &cache), ID).unwrap().weights).unwrap(),
        weights(1)
    );

    fs::remove_file(folder.join(sha256(&weights(1)))).unwrap();
    fs::write(&part, weights(1)).unwrap();
    server.requests();
    assert_eq!(
        fs::read(fetch(&hub(&server, &cache), ID).unwrap().weights).unwrap(),
        weights(1)
    );
    assert!(gets(&server.requests()).is_empty());
}

#[test]
fn many_at_once_download_once() {
    let (server, cache) = (Server::start(site()), TempDir::new().unwrap());
    let hub = hub(&server, &cache);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                assert_eq!(
                    fs::read(fetch(&hub, ID).unwrap().weights).unwrap(),
                    weights(1)
                )
            });
        }
    });
    let requests = server.requests();
    assert_eq!(
        gets(&requests)
            .iter()
            .filter(|r| r.contains("model.safetensors"))
            .count(),
        1,
        "{requests:?}"
    );
}
