//! The packages of the workspace and everything they depend on, as `cargo metadata` tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// What a dependency is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// `[dependencies]`.
    Normal,
    /// `[dev-dependencies]`.
    Dev,
    /// `[build-dependencies]`.
    Build,
}

/// An entry of a manifest.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// Name of the package, not the name it is given here.
    pub(crate) name: String,
    /// The name it is given here, when that differs.
    pub(crate) rename: Option<String>,
    /// In which section it stands.
    pub(crate) need: Need,
    /// It is found by a path: a package of this workspace.
    pub(crate) by_path: bool,
}

/// What cargo builds from a package.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// `lib`, `bin`, `test`, `example`, `bench`, `custom-build`.
    pub(crate) kind: String,
    /// Its first file.
    pub(crate) file: PathBuf,
}

/// A package, ours or foreign.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// Unique id.
    pub(crate) id: String,
    /// Name in its manifest.
    pub(crate) name: String,
    /// Version.
    pub(crate) version: String,
    /// SPDX expression.
    pub(crate) licence: Option<String>,
    /// Where it comes from; `None` for a package found by a path.
    pub(crate) source: Option<String>,
    /// Path of its `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// What it depends on by its manifest.
    pub(crate) dependencies: Vec<Dependency>,
    /// What cargo builds from it.
    pub(crate) targets: Vec<Target>,
}

/// The whole graph.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    /// All packages by id.
    pub(crate) packages: BTreeMap<String, Package>,
    /// Ids of the packages of this workspace.
    pub(crate) members: BTreeSet<String>,
    /// For each id what it really depends on, with the needs.
    pub(crate) edges: BTreeMap<String, Vec<(String, Vec<Need>)>>,
    /// Where cargo builds.
    pub(crate) target_directory: PathBuf,
}

impl Metadata {
    /// Asks cargo, for the platform of this machine only: other platforms' packages are not
    /// shipped and need not be downloaded.
    pub(crate) fn load(workspace: &Workspace) -> anyhow::Result<Self> {
        let text = process::output(process::cargo().current_dir(&workspace.root).args([
            "metadata",
            "--format-version=1",
            "--filter-platform",
            &host()?,
        ]))?;
        Self::parse(&text)
    }

    /// Reads the answer of `cargo metadata --format-version=1`.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(text).context("cargo metadata is not JSON")?;
        let mut packages = BTreeMap::new();
        for package in list(&value, "packages")? {
            let package = parse_package(package)?;
            packages.insert(package.id.clone(), package);
        }
        let members = list(&value, "workspace_members")?
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let mut edges = BTreeMap::new();
        for node in list(value.get("resolve").context("no `resolve`")?, "nodes")? {
            edges.insert(text_of(node, "id")?, parse_edges(node)?);
        }
        Ok(Self {
            packages,
            members,
            edges,
            target_directory: PathBuf::from(text_of(&value, "target_directory")?),
        })
    }

    /// The packages of this workspace, by name.
    pub(crate) fn own(&self) -> Vec<&Package> {
        let mut own: Vec<&Package> = self
            .members
            .iter()
            .filter_map(|id| self.packages.get(id))
            .collect();
        own.sort_by(|a, b| a.name.cmp(&b.name));
        own
    }
}

fn host() -> anyhow::Result<String> {
    let version = process::output(process::cargo().arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("cargo does not name its host platform")
}

fn parse_package(value: &Value) -> anyhow::Result<Package> {
    let optional = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(Package {
        id: text_of(value, "id")?,
        name: text_of(value, "name")?,
        version: text_of(value, "version")?,
        licence: optional("license"),
        source: optional("source"),
        manifest: PathBuf::from(text_of(value, "manifest_path")?),
        dependencies: list(value, "dependencies")?
            .iter()
            .map(parse_dependency)
            .collect::<anyhow::Result<_>>()?,
        targets: list(value, "targets")?
            .iter()
            .map(parse_target)
            .collect::<anyhow::Result<_>>()?,
    })
}

fn parse_dependency(value: &Value) -> anyhow::Result<Dependency> {
    Ok(Dependency {
        name: text_of(value, "name")?,
        rename: value
            .get("rename")
            .and_then(Value::as_str)
            .map(str::to_owned),
        need: parse_need(value.get("kind"))?,
        by_path: value.get("path").is_some_and(Value::is_string),
    })
}

fn parse_target(value: &Value) -> anyhow::Result<Target> {
    Ok(Target {
        kind: list(value, "kind")?
            .first()
            .and_then(Value::as_str)
            .context("a target without kind")?
            .to_owned(),
        file: PathBuf::from(text_of(value, "src_path")?),
    })
}

fn parse_edges(node: &Value) -> anyhow::Result<Vec<(String, Vec<Need>)>> {
    list(node, "deps")?
        .iter()
        .map(|edge| {
            let needs = list(edge, "dep_kinds")?
                .iter()
                .map(|kind| parse_need(kind.get("kind")))
                .collect::<anyhow::Result<_>>()?;
            Ok((text_of(edge, "pkg")?, needs))
        })
        .collect()
}

fn parse_need(value: Option<&Value>) -> anyhow::Result<Need> {
    match value.and_then(Value::as_str) {
        None => Ok(Need::Normal),
        Some("dev") => Ok(Need::Dev),
        Some("build") => Ok(Need::Build),
        Some(other) => bail!("cargo metadata has a new kind of dependency: {other}"),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a Vec<Value>> {
    value
        .get(key)
        .and_then(Value::as_array)
        .with_context(|| format!("cargo metadata has no list `{key}`"))
}

fn text_of(value: &Value, key: &str) -> anyhow::Result<String> {
    value
        .get(key)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("cargo metadata has no text `{key}`"))
}
