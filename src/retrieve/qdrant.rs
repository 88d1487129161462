//! The index in Qdrant: dense and sparse vectors side by side, fused by the server.
//!
//! ```text
//! alias `faultline` ─> collection `faultline-<model>-a` or `-b`    named vectors: dense (cosine), words (sparse, IDF)
//! ```
//!
//! A point's id is a hash of where its text stands and what it says, so that bringing the index up to date is a matter of
//! two sets of ids. The model and the form are in the collection's metadata; where they differ, a second collection is
//! filled and the alias moved, so that readers see the old or the new.

pub mod points;
pub mod sparse;

use self::points::{id_of, ids_of, payload_indexes, point, uuid_of};
use super::dense::DenseText;
use super::embed::ModelIdentity;
use super::fuse::DenseScores;
use super::index::{Changes, Contents, Doing, IndexError, Progress, VectorIndex, Wanted};
use super::library::Library;
use super::vectors::Vectors;
use crate::net::{Secret, install_tls};
use qdrant_client::qdrant::{
    Condition, CreateAliasBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, DeletePointsBuilder, Distance,
    FieldType, Filter, Fusion, GetPointsBuilder, Modifier, PointId, PointsIdsList, PrefetchQueryBuilder, Query,
    QueryBatchPointsBuilder, QueryPoints, QueryPointsBuilder, ScoredPoint, ScrollPointsBuilder, SparseVectorParamsBuilder,
    SparseVectorsConfigBuilder, UpsertPointsBuilder, VectorInput, VectorParamsBuilder, VectorsConfigBuilder, vector_output,
};
use qdrant_client::{Qdrant, QdrantError};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const DENSE: &str = "dense";
const WORDS: &str = "words";
/// Rises when points are made otherwise than before.
const FORM: i64 = 1;
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// Points in one request.
const BATCH: usize = 128;
const PAGE: u32 = 1000;
/// Passages that each part of a query proposes.
const PROPOSED: u64 = 128;
/// The Query API came with this one.
const OLDEST: (u32, u32) = (1, 10);

pub struct QdrantIndex {
    client: Qdrant,
    alias: String,
    /// The next update fills a new collection, whatever is there.
    afresh: AtomicBool,
}

impl std::fmt::Debug for QdrantIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QdrantIndex").field("alias", &self.alias).finish_non_exhaustive()
    }
}

impl QdrantIndex {
    /// Opens no connection yet.
    pub fn new(url: &str, key: &Secret, alias: &str) -> Result<QdrantIndex, String> {
        install_tls();
        let mut config = Qdrant::from_url(url)
            .timeout(REQUEST_DEADLINE)
            .connect_timeout(CONNECT_DEADLINE)
            // It would print to standard output.
            .skip_compatibility_check();
        if !key.is_empty() {
            config = config.api_key(key.expose());
        }
        let client = config.build().map_err(|error| error.to_string())?;
        Ok(QdrantIndex { client, alias: alias.to_owned(), afresh: AtomicBool::new(false) })
    }

    /// What the server says it is.
    pub async fn version(&self) -> Result<String, IndexError> {
        Ok(self.client.health_check().await.map_err(down)?.version)
    }

    /// Fails where the server is too old.
    pub async fn check_version(&self) -> Result<(), IndexError> {
        let version = self.version().await?;
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if found < OLDEST {
            return Err(IndexError::Stale(format!("Qdrant {version} is older than {}.{}", OLDEST.0, OLDEST.1)));
        }
        Ok(())
    }

    /// The collection behind the alias. `None` = there is none yet.
    async fn current(&self) -> Result<Option<String>, IndexError> {
        let aliases = self.client.list_aliases().await.map_err(down)?.aliases;
        Ok(aliases.into_iter().find(|alias| alias.alias_name == self.alias).map(|alias| alias.collection_name))
    }

    /// Whether a collection holds vectors of this model in this form.
    async fn is_ours(&self, collection: &str, model: &ModelIdentity) -> Result<bool, IndexError> {
        let info = self.client.collection_info(collection).await.map_err(down)?.result;
        let metadata = info.and_then(|info| info.config).map(|config| config.metadata).unwrap_or_default();
        let says =
            |name: &str, value: &str| metadata.get(name).and_then(|found| found.as_str()).is_some_and(|text| text == value);
        Ok(says("faultline_model", &model.key()) && says("faultline_form", &FORM.to_string()))
    }

    async fn create(&self, collection: &str, model: &ModelIdentity) -> Result<(), IndexError> {
        let mut dense = VectorsConfigBuilder::default();
        dense.add_named_vector_params(DENSE, VectorParamsBuilder::new(model.dimension as u64, Distance::Cosine));
        let mut words = SparseVectorsConfigBuilder::default();
        words.add_named_vector_params(WORDS, SparseVectorParamsBuilder::default().modifier(Modifier::Idf));
        let metadata: HashMap<String, serde_json::Value> = [
            ("faultline_model".to_owned(), model.key().into()),
            ("faultline_model_name".to_owned(), model.id.clone().into()),
            ("faultline_dimension".to_owned(), model.dimension.into()),
            ("faultline_form".to_owned(), FORM.to_string().into()),
        ]
        .into();
        let request =
            CreateCollectionBuilder::new(collection).vectors_config(dense).sparse_vectors_config(words).metadata(metadata);
        self.client.create_collection(request).await.map_err(down)?;
        for field in payload_indexes() {
            let request = CreateFieldIndexCollectionBuilder::new(collection, field, FieldType::Keyword).wait(true);
            self.client.create_field_index(request).await.map_err(down)?;
        }
        Ok(())
    }

    /// The ids of all points of a collection.
    async fn ids(&self, collection: &str) -> Result<HashSet<u128>, IndexError> {
        let mut ids = HashSet::new();
        let mut offset: Option<PointId> = None;
        loop {
            let mut request = ScrollPointsBuilder::new(collection).limit(PAGE).with_payload(false).with_vectors(false);
            if let Some(offset) = offset {
                request = request.offset(offset);
            }
            let page = self.client.scroll(request).await.map_err(down)?;
            ids.extend(page.result.iter().filter_map(|point| id_of(point.id.as_ref())));
            offset = page.next_page_offset;
            if offset.is_none() {
                return Ok(ids);
            }
        }
    }

    /// The collection to fill, and whether readers see it already.
    async fn target(&self, model: &ModelIdentity) -> Result<(String, bool), IndexError> {
        let current = self.current().await?;
        let afresh = self.afresh.load(Ordering::Relaxed);
        if let Some(current) = &current
            && !afresh
            && self.is_ours(current, model).await?
        {
            return Ok((current.clone(), true));
        }
        let name = |letter: char| format!("{}-{}-{letter}", self.alias, model.key());
        let other = if current.as_deref() == Some(&*name('a')) { name('b') } else { name('a') };
        let exists = self.client.collection_exists(&other).await.map_err(down)?;
        // What an interrupted update left is continued, if it is of the same model and form.
        let is_begun = exists && !afresh && self.is_ours(&other, model).await?;
        if exists && !is_begun {
            self.client.delete_collection(&other).await.map_err(down)?;
        }
        if !is_begun {
            self.create(&other, model).await?;
        }
        Ok((other, false))
    }

    async fn bring(&self, contents: &Contents<'_>, progress: Progress<'_>) -> Result<Changes, IndexError> {
        self.check_version().await?;
        let (collection, is_visible) = self.target(contents.model).await?;
        let wanted = ids_of(contents.library, contents.texts);
        let present = self.ids(&collection).await?;
        let has_vector = |at: usize| contents.vectors.contains_key(&contents.texts[at].key);
        let mut missing: Vec<(u128, usize)> =
            wanted.iter().filter(|(id, at)| !present.contains(*id) && has_vector(**at)).map(|(id, at)| (*id, *at)).collect();
        missing.sort_by_key(|&(_, at)| at);
        let mut done = wanted.len() - missing.len();
        for batch in missing.chunks(BATCH) {
            let points = batch.iter().filter_map(|&(id, at)| point(contents, id, at)).collect::<Vec<_>>();
            self.client.upsert_points(UpsertPointsBuilder::new(&collection, points).wait(true)).await.map_err(down)?;
            done += batch.len();
            progress(done, wanted.len());
        }
        let gone: Vec<PointId> = present.iter().filter(|id| !wanted.contains_key(id)).map(|id| uuid_of(*id)).collect();
        for batch in gone.chunks(BATCH) {
            let ids = PointsIdsList { ids: batch.to_vec() };
            self.client.delete_points(DeletePointsBuilder::new(&collection).points(ids).wait(true)).await.map_err(down)?;
        }
        if !is_visible {
            self.client.create_alias(CreateAliasBuilder::new(&collection, &self.alias)).await.map_err(down)?;
            self.remove_others(&collection).await?;
        }
        self.afresh.store(false, Ordering::Relaxed);
        Ok(Changes { added: missing.len(), removed: gone.len(), kept: wanted.len() - missing.len() })
    }

    /// Collections of this alias that nobody reads any more.
    async fn remove_others(&self, kept: &str) -> Result<(), IndexError> {
        let all = self.client.list_collections().await.map_err(down)?.collections;
        for collection in all {
            let is_of_alias = collection.name.strip_prefix(&self.alias).is_some_and(|rest| {
                rest.starts_with('-')
                    && (rest.ends_with("-a") || rest.ends_with("-b"))
                    && rest.len() == "-0123456789abcdef-a".len()
            });
            if is_of_alias && collection.name != kept {
                self.client.delete_collection(collection.name).await.map_err(down)?;
            }
        }
        Ok(())
    }

    async fn ask(&self, wanted: &Wanted<'_>) -> Result<DenseScores, IndexError> {
        let (indices, values) = sparse::query(wanted.asked);
        let dense = || Query::new_nearest(VectorInput::new_dense(wanted.vector.to_vec()));
        let near = |limit: u64| QueryPointsBuilder::new(&self.alias).query(dense()).using(DENSE).limit(limit).with_payload(false);
        let mut fused = QueryPointsBuilder::new(&self.alias)
            .add_prefetch(PrefetchQueryBuilder::default().query(dense()).using(DENSE).limit(PROPOSED))
            .query(Fusion::Rrf)
            .limit(PROPOSED)
            .with_payload(false);
        if !indices.is_empty() {
            let words = Query::new_nearest(VectorInput::new_sparse(indices, values));
            fused = fused.add_prefetch(PrefetchQueryBuilder::default().query(words).using(WORDS).limit(PROPOSED));
        }
        let first: Vec<QueryPoints> = vec![fused.into(), near(PROPOSED).into()];
        let answers = self.client.query_batch(QueryBatchPointsBuilder::new(&self.alias, first)).await.map_err(down)?.result;
        let mut answers = answers.into_iter().map(|answer| answer.result);
        let (fused, nearest) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());

        let positions = wanted.positions;
        let mut scores = DenseScores::unknown(wanted.library);
        let floor = nearest.last().map_or(0.0, |point| point.score);
        scores.floor = (nearest.len() as u64 == PROPOSED).then_some(floor);
        take(&mut scores, wanted, &nearest);
        // The cosines of what was proposed by words, here or there, and is not among the nearest.
        let mut runbooks: HashSet<u32> = wanted.runbooks.iter().filter_map(|&runbook| u32::try_from(runbook).ok()).collect();
        runbooks.extend(
            fused.iter().filter_map(|point| Some(wanted.texts[*positions.get(&id_of(point.id.as_ref())?)? as usize].runbook)),
        );
        let known: HashSet<u128> = nearest.iter().filter_map(|point| id_of(point.id.as_ref())).collect();
        let unknown: Vec<PointId> = positions
            .iter()
            .filter(|(id, at)| !known.contains(*id) && runbooks.contains(&wanted.texts[**at as usize].runbook))
            .map(|(id, _)| uuid_of(*id))
            .collect();
        if scores.floor.is_some() && !unknown.is_empty() {
            let limit = unknown.len() as u64;
            let request = near(limit).filter(Filter::must([Condition::has_id(unknown)]));
            take(&mut scores, wanted, &self.client.query(request).await.map_err(down)?.result);
        }
        if nearest.is_empty() && !wanted.texts.is_empty() {
            return Err(IndexError::Stale("the collection is empty".to_owned()));
        }
        Ok(scores)
    }

    async fn get(&self, library: &Library, texts: &[&DenseText], model: &ModelIdentity) -> Result<Vectors, IndexError> {
        let Some(collection) = self.current().await? else { return Ok(Vectors::default()) };
        if !self.is_ours(&collection, model).await? {
            return Ok(Vectors::default());
        }
        let mut vectors = Vectors::default();
        let ids: HashMap<u128, &&DenseText> = texts.iter().map(|text| (points::id(library, text), text)).collect();
        let all: Vec<u128> = ids.keys().copied().collect();
        for batch in all.chunks(BATCH) {
            let wanted: Vec<PointId> = batch.iter().map(|id| uuid_of(*id)).collect();
            let request = GetPointsBuilder::new(&collection, wanted).with_vectors(true).with_payload(false);
            for found in self.client.get_points(request).await.map_err(down)?.result {
                let vector = found.vectors.and_then(|vectors| vectors.get_vector_by_name(DENSE));
                if let Some(vector_output::Vector::Dense(dense)) = vector
                    && let Some(text) = id_of(found.id.as_ref()).and_then(|id| ids.get(&id))
                    && dense.data.len() == model.dimension
                {
                    vectors.insert(text.key, dense.data.into());
                }
            }
        }
        Ok(vectors)
    }

    async fn compare(&self, contents: &Contents<'_>) -> Result<Vec<String>, IndexError> {
        self.check_version().await?;
        let Some(collection) = self.current().await? else {
            return Ok(vec![format!("Qdrant has no alias {}", self.alias)]);
        };
        let mut problems = Vec::new();
        if !self.is_ours(&collection, contents.model).await? {
            problems.push(format!("the collection {collection} in Qdrant is of another model or form"));
        }
        let wanted = ids_of(contents.library, contents.texts);
        let present = self.ids(&collection).await?;
        let missing = wanted.keys().filter(|id| !present.contains(id)).count();
        let surplus = present.iter().filter(|id| !wanted.contains_key(id)).count();
        if missing > 0 {
            problems.push(format!("{missing} texts are not in Qdrant"));
        }
        if surplus > 0 {
            problems.push(format!("{surplus} points in Qdrant are of no runbook"));
        }
        Ok(problems)
    }
}

impl VectorIndex for QdrantIndex {
    fn update<'a>(&'a self, contents: &'a Contents<'a>, progress: Progress<'a>) -> Doing<'a, Changes> {
        Box::pin(self.bring(contents, progress))
    }

    fn search<'a>(&'a self, wanted: &'a Wanted<'a>) -> Doing<'a, DenseScores> {
        Box::pin(self.ask(wanted))
    }

    fn known<'a>(&'a self, library: &'a Library, texts: &'a [&'a DenseText], model: &'a ModelIdentity) -> Doing<'a, Vectors> {
        Box::pin(self.get(library, texts, model))
    }

    fn verify<'a>(&'a self, contents: &'a Contents<'a>) -> Doing<'a, Vec<String>> {
        Box::pin(self.compare(contents))
    }

    fn start_afresh(&self) {
        self.afresh.store(true, Ordering::Relaxed);
    }
}

/// Takes the cosines of points that this library has.
fn take(scores: &mut DenseScores, wanted: &Wanted<'_>, points: &[ScoredPoint]) {
    for point in points {
        let Some(&at) = id_of(point.id.as_ref()).and_then(|id| wanted.positions.get(&id)) else { continue };
        scores.set(&wanted.texts[at as usize], point.score);
    }
}

/// Without what the server's metadata says.
fn down(error: QdrantError) -> IndexError {
    IndexError::Down(match error {
        QdrantError::ResponseError { status } => match status.message().split_once(": tonic::") {
            // What follows is how the types of the client's errors nest.
            Some((what, _)) => format!("Qdrant: {what}"),
            None => format!("Qdrant: {}: {}", status.code(), status.message()),
        },
        QdrantError::ResourceExhaustedError { status, .. } => format!("Qdrant is busy: {}", status.message()),
        other => format!("Qdrant: {other}"),
    })
}
