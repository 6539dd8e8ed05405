//! The browser UI: the files that were built into this program, under `/ui/`.
//!
//! A path is looked up in a fixed table, so no path reaches the file system. Scripts, styles and
//! requests come from our own origin only; the policy that is sent with every file says so.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::Api;

/// Files by their path below `web/dist`, sorted; empty when the UI was not built.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Nothing from elsewhere, nothing inline, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; media-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a browser shows when the UI is not in this program.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <title>Ringback</title></head><body><h1>Ringback runs; its browser UI is not in this build</h1>\
    <p>With Node.js 20 or newer and npm, build it and then the server again:</p>\
    <pre>cargo xtask web\ncargo build --release</pre>\
    <p><code>cargo xtask demo</code> does both. The APIs work without it: \
    <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a></p></body></html>\n";

/// Routes of the UI.
pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(to_ui))
        .route("/ui", get(to_ui))
        .route("/ui/", get(start_page))
        .route("/ui/{*path}", get(file))
}

async fn to_ui(State(api): State<Arc<Api>>) -> Response {
    if api.web.enabled {
        with_policy(Redirect::temporary("/ui/").into_response())
    } else {
        not_there()
    }
}

async fn start_page(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    answer(FILES, api.web.enabled, "index.html", &headers)
}

async fn file(
    State(api): State<Arc<Api>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(FILES, api.web.enabled, &path, &headers)
}

fn answer(
    files: &'static [(&'static str, &'static [u8])],
    enabled: bool,
    path: &str,
    headers: &HeaderMap,
) -> Response {
    if !enabled {
        return not_there();
    }
    if files.is_empty() {
        let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        return with_policy((html, NOT_BUILT).into_response());
    }
    let Some((name, bytes)) = find(files, path) else {
        return not_there();
    };
    let packed = accepts_gzip(headers)
        .then(|| exact(files, &format!("{name}.gz")))
        .flatten();
    let mut response = packed.map_or(bytes, |(_, bytes)| bytes).into_response();
    let out = response.headers_mut();
    out.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(name)),
    );
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed.is_some() {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // Files below assets/ carry a digest of their content in their name.
    let cache = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    with_policy(response)
}

type File = (&'static str, &'static [u8]);

fn exact(files: &'static [File], name: &str) -> Option<File> {
    files.iter().copied().find(|(known, _)| *known == name)
}

/// The file of a path; the pages of the UI have paths without a file and share one document.
fn find(files: &'static [File], path: &str) -> Option<File> {
    if let Some(found) = exact(files, path) {
        return Some(found);
    }
    is_page(path).then(|| exact(files, "index.html")).flatten()
}

/// Whether a path may be one of a page: names of services and lists stand in it as they are.
fn is_page(path: &str) -> bool {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    let odd = |c: char| c.is_control() || c == '\\';
    !first.contains('.')
        && first != "assets"
        && !parts.any(|part| matches!(part, "." | ".."))
        && !path.contains(odd)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| {
            text.split(',').any(|one| {
                let mut words = one.split(';').map(str::trim);
                words.next() == Some("gzip") && words.all(|word| word != "q=0")
            })
        })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn not_there() -> Response {
    let text = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    with_policy((StatusCode::NOT_FOUND, text, "There is no such file\n").into_response())
}

fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: &[File] = &[
        ("assets/index-1a2b.js", b"plain"),
        ("assets/index-1a2b.js.gz", b"packed"),
        ("index.html", b"<!doctype html>"),
    ];

    async fn get(files: &'static [File], path: &str, encoding: &str) -> (Response, Vec<u8>) {
        let mut headers = HeaderMap::new();
        if !encoding.is_empty() {
            headers.insert(header::ACCEPT_ENCODING, encoding.parse().unwrap());
        }
        let (parts, body) = answer(files, true, path, &headers).into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        (Response::from_parts(parts, ().into()), bytes.to_vec())
    }

    #[tokio::test]
    async fn without_a_built_ui_a_page_says_how_to_build_it() {
        for path in ["index.html", "callbacks", "assets/x.js"] {
            let (response, body) = get(&[], path, "").await;
            assert_eq!(response.status(), 200, "{path}");
            let text = String::from_utf8(body).unwrap();
            assert!(text.contains("cargo xtask web"), "{text}");
        }
    }

    #[tokio::test]
    async fn files_are_served_packed_to_those_who_can_unpack() {
        let (response, body) = get(BUILT, "assets/index-1a2b.js", "gzip, br").await;
        assert_eq!(body, b"packed");
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        let kept = response.headers()[header::CACHE_CONTROL].to_str().unwrap();
        assert!(kept.contains("immutable"), "{kept}");
        for encoding in ["", "br", "gzip;q=0", "gzipped"] {
            let (response, body) = get(BUILT, "assets/index-1a2b.js", encoding).await;
            assert_eq!(body, b"plain", "{encoding}");
            assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
        }
    }

    #[tokio::test]
    async fn pages_share_one_document_that_is_asked_for_anew() {
        for path in [
            "index.html",
            "callbacks",
            "callbacks/1-ab",
            "services/a_b/",
            "services/sales.de",
            "transactions/Ereignisse für (neu) + alt, 50 %.v2",
        ] {
            let (response, body) = get(BUILT, path, "").await;
            assert_eq!(body, b"<!doctype html>", "{path}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
        }
    }

    #[tokio::test]
    async fn paths_lead_nowhere_but_to_what_was_built_in() {
        for path in [
            "../Cargo.toml",
            "../../etc/passwd",
            "assets/../index.html",
            "assets/..%2f..%2fetc%2fpasswd",
            "/etc/passwd\0",
            "assets/missing.js",
            "assets/",
            "assets",
            "favicon.ico",
            "missing.js",
            "services/../secret",
            "..\\..\\secret",
            ".gitkeep",
            "index.html/..",
            "services/../../x",
            "services/./x",
            "services\\..",
        ] {
            let (response, body) = get(BUILT, path, "gzip").await;
            assert_eq!(response.status(), 404, "{path}");
            assert_ne!(body, b"<!doctype html>", "{path}");
        }
    }

    #[tokio::test]
    async fn every_answer_allows_our_own_origin_only() {
        for (files, path) in [(BUILT, "callbacks"), (BUILT, "no.js"), (&[][..], "x")] {
            let (response, _) = get(files, path, "").await;
            let policy = response.headers()["content-security-policy"]
                .to_str()
                .unwrap();
            assert!(policy.contains("script-src 'self';"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            assert!(!policy.contains("http"), "{policy}");
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert_eq!(response.headers()["x-frame-options"], "DENY");
        }
        let off = answer(BUILT, false, "index.html", &HeaderMap::new());
        assert_eq!(off.status(), 404);
    }
}
