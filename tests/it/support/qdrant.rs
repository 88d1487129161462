//! Qdrant in memory, behind the client's own server stubs: exact search, sparse vectors with IDF, fusion, aliases, metadata.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use qdrant_client::qdrant::{
    AliasDescription, BatchResult, CollectionConfig, CollectionDescription, CollectionExists, CollectionExistsRequest,
    CollectionExistsResponse, CollectionInfo, CollectionOperationResponse, CreateCollection, CreateFieldIndexCollection,
    DeleteCollection, DeletePoints, DenseVector, Filter, GetCollectionInfoRequest, GetCollectionInfoResponse, GetPoints,
    GetResponse, HealthCheckReply, HealthCheckRequest, ListAliasesRequest, ListAliasesResponse, ListCollectionsRequest,
    ListCollectionsResponse, NamedVectorsOutput, PointId, PointStruct, PointsOperationResponse, PrefetchQuery, Query,
    QueryBatchPoints, QueryBatchResponse, QueryPoints, QueryResponse, RetrievedPoint, ScoredPoint, ScrollPoints, ScrollResponse,
    SparseVector, UpdateResult, UpsertPoints, Value, VectorOutput, VectorsOutput, alias_operations, collections_server,
    condition::ConditionOneOf, point_id::PointIdOptions, points_selector::PointsSelectorOneOf, points_server, qdrant_server,
    query, vector, vector_input, vector_output, vectors, vectors_config, vectors_output,
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// A running server; ends with the test's runtime.
#[derive(Clone)]
pub struct FakeQdrant {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    collections: Mutex<BTreeMap<String, Collection>>,
    aliases: Mutex<BTreeMap<String, String>>,
    fault: Mutex<Fault>,
    upserted: AtomicUsize,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Every call is refused.
    Refuses,
    /// Queries are never answered.
    Hangs,
    /// It goes down once it has taken so many batches of points.
    FailsAfterBatches(usize),
    /// It says to be of this age.
    IsOld,
}

#[derive(Clone, Debug, Default)]
struct Collection {
    dimension: usize,
    has_idf: bool,
    metadata: HashMap<String, Value>,
    indexes: Vec<String>,
    points: BTreeMap<String, Point>,
}

#[derive(Clone, Debug)]
struct Point {
    payload: HashMap<String, Value>,
    dense: Vec<f32>,
    sparse: BTreeMap<u32, f32>,
}

impl FakeQdrant {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::<State>::default();
        let server = tonic::transport::Server::builder()
            .add_service(qdrant_server::QdrantServer::new(Server(Arc::clone(&state))))
            .add_service(collections_server::CollectionsServer::new(Server(Arc::clone(&state))))
            .add_service(points_server::PointsServer::new(Server(Arc::clone(&state))));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Self { url, state }
    }

    pub fn set(&self, fault: Fault) {
        *self.state.fault.lock().expect("no panic") = fault;
    }

    /// Points taken so far.
    pub fn upserted(&self) -> usize {
        self.state.upserted.load(Ordering::Relaxed)
    }

    /// Names of all collections.
    pub fn collections(&self) -> Vec<String> {
        self.state.collections().keys().cloned().collect()
    }

    /// The collection behind an alias.
    pub fn behind(&self, alias: &str) -> Option<String> {
        self.state.aliases.lock().expect("no panic").get(alias).cloned()
    }

    /// Points of the collection behind an alias, its payload indexes, and the payload of one point.
    pub fn contents(&self, alias: &str) -> (usize, Vec<String>, HashMap<String, Value>) {
        let collections = self.state.collections();
        let collection = &collections[&self.behind(alias).expect("an alias")];
        let payload = collection.points.values().next().map(|point| point.payload.clone()).unwrap_or_default();
        (collection.points.len(), collection.indexes.clone(), payload)
    }
}

impl State {
    fn collections(&self) -> MutexGuard<'_, BTreeMap<String, Collection>> {
        self.collections.lock().expect("no panic")
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().expect("no panic")
    }

    fn check(&self) -> Result<(), Status> {
        if self.fault() == Fault::Refuses { Err(Status::unavailable("out of order")) } else { Ok(()) }
    }

    /// Does something with the collection of this name or alias.
    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Collection) -> Result<T, Status>) -> Result<T, Status> {
        self.check()?;
        let name = self.aliases.lock().expect("no panic").get(name).cloned().unwrap_or_else(|| name.to_owned());
        let mut collections = self.collections();
        work(collections.get_mut(&name).ok_or_else(|| Status::not_found(format!("Collection `{name}` doesn't exist!")))?)
    }
}

struct Server(Arc<State>);

fn key(id: Option<&PointId>) -> Result<String, Status> {
    match id.and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Uuid(text)) => Ok(text.clone()),
        Some(PointIdOptions::Num(number)) => Ok(number.to_string()),
        None => Err(Status::invalid_argument("a point without an id")),
    }
}

/// A vector of the present form, or of the one before it.
#[expect(deprecated, reason = "the client's builders still fill the older fields for dense vectors")]
fn kind_of(given: qdrant_client::qdrant::Vector) -> vector::Vector {
    match (given.vector, given.indices) {
        (Some(vector), _) => vector,
        (None, Some(indices)) => vector::Vector::Sparse(SparseVector { values: given.data, indices: indices.data }),
        (None, None) => vector::Vector::Dense(DenseVector { data: given.data }),
    }
}

impl Collection {
    fn insert(&mut self, point: PointStruct) -> Result<(), Status> {
        let key = key(point.id.as_ref())?;
        let Some(vectors::VectorsOptions::Vectors(named)) = point.vectors.and_then(|vectors| vectors.vectors_options) else {
            return Err(Status::invalid_argument("named vectors are expected"));
        };
        let mut stored = Point { payload: point.payload, dense: Vec::new(), sparse: BTreeMap::new() };
        for (name, given) in named.vectors {
            match (name.as_str(), kind_of(given)) {
                ("dense", vector::Vector::Dense(DenseVector { data })) if data.len() == self.dimension => {
                    let length = data.iter().map(|x| x * x).sum::<f32>().sqrt();
                    stored.dense = data.into_iter().map(|x| x / length).collect();
                }
                ("words", vector::Vector::Sparse(SparseVector { values, indices })) => {
                    stored.sparse = indices.into_iter().zip(values).collect();
                }
                (name, _) => return Err(Status::invalid_argument(format!("Wrong input: vector dimension error for {name}"))),
            }
        }
        self.points.insert(key, stored);
        Ok(())
    }

    fn query(&self, request: &QueryPoints) -> Result<Vec<ScoredPoint>, Status> {
        let limit = usize::try_from(request.limit.unwrap_or(10)).unwrap_or(usize::MAX);
        let prefetched = request.prefetch.iter().map(|prefetch| self.prefetch(prefetch)).collect::<Result<Vec<_>, _>>()?;
        let mut found = match request.query.as_ref().and_then(|query| query.variant.as_ref()) {
            Some(query::Variant::Fusion(0)) => fused(&prefetched),
            _ => self.nearest(request.query.as_ref(), request.using.as_deref(), request.filter.as_ref())?,
        };
        found.truncate(limit);
        Ok(found
            .into_iter()
            .map(|(id, score)| ScoredPoint { id: Some(PointId::from(id)), score, ..ScoredPoint::default() })
            .collect())
    }

    fn prefetch(&self, prefetch: &PrefetchQuery) -> Result<Vec<(String, f32)>, Status> {
        let mut found = self.nearest(prefetch.query.as_ref(), prefetch.using.as_deref(), prefetch.filter.as_ref())?;
        found.truncate(usize::try_from(prefetch.limit.unwrap_or(10)).unwrap_or(usize::MAX));
        Ok(found)
    }

    fn nearest(&self, query: Option<&Query>, using: Option<&str>, filter: Option<&Filter>) -> Result<Vec<(String, f32)>, Status> {
        let Some(query::Variant::Nearest(input)) = query.and_then(|query| query.variant.as_ref()) else {
            return Err(Status::invalid_argument("a query of this kind is not served"));
        };
        let allowed = allowed(filter)?;
        let points = self.points.iter().filter(|(id, _)| allowed.as_ref().is_none_or(|ids| ids.contains(*id)));
        let mut found: Vec<(String, f32)> = match (input.variant.as_ref(), using) {
            (Some(vector_input::Variant::Dense(vector)), Some("dense")) if vector.data.len() == self.dimension => {
                let length = vector.data.iter().map(|x| x * x).sum::<f32>().sqrt();
                let cosine = |point: &Point| point.dense.iter().zip(&vector.data).map(|(a, b)| a * b).sum::<f32>() / length;
                points.filter(|(_, point)| !point.dense.is_empty()).map(|(id, point)| (id.clone(), cosine(point))).collect()
            }
            (Some(vector_input::Variant::Sparse(vector)), Some("words")) => {
                let words: Vec<(u32, f32)> = vector.indices.iter().copied().zip(vector.values.iter().copied()).collect();
                let weighed: Vec<(u32, f32)> = words.into_iter().map(|(word, weight)| (word, weight * self.idf(word))).collect();
                let score =
                    |point: &Point| weighed.iter().filter_map(|(word, weight)| Some(point.sparse.get(word)? * weight)).sum();
                points.map(|(id, point)| (id.clone(), score(point))).filter(|(_, score)| *score > 0.0).collect()
            }
            (_, using) => return Err(Status::invalid_argument(format!("Wrong input: vector {using:?}"))),
        };
        found.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        Ok(found)
    }

    fn idf(&self, word: u32) -> f32 {
        if !self.has_idf {
            return 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of points")]
        let (all, with) =
            (self.points.len() as f32, self.points.values().filter(|point| point.sparse.contains_key(&word)).count() as f32);
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }
}

/// The ids that a filter leaves. `None` = all.
fn allowed(filter: Option<&Filter>) -> Result<Option<Vec<String>>, Status> {
    let Some(filter) = filter else { return Ok(None) };
    let [condition] = filter.must.as_slice() else { return Err(Status::invalid_argument("one condition is served")) };
    match &condition.condition_one_of {
        Some(ConditionOneOf::HasId(ids)) => ids.has_id.iter().map(|id| key(Some(id))).collect::<Result<_, _>>().map(Some),
        _ => Err(Status::invalid_argument("a filter of this kind is not served")),
    }
}

/// By reciprocal ranks, as the server does it.
fn fused(rankings: &[Vec<(String, f32)>]) -> Vec<(String, f32)> {
    let mut scores: BTreeMap<String, f32> = BTreeMap::new();
    for ranking in rankings {
        let mut rank = 2.0;
        for (id, _) in ranking {
            *scores.entry(id.clone()).or_insert(0.0) += 1.0 / rank;
            rank += 1.0;
        }
    }
    let mut found: Vec<(String, f32)> = scores.into_iter().collect();
    found.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    found
}

#[tonic::async_trait]
impl qdrant_server::Qdrant for Server {
    async fn health_check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckReply>, Status> {
        self.0.check()?;
        let version = if self.0.fault() == Fault::IsOld { "1.7.4" } else { "1.19.0" };
        Ok(Response::new(HealthCheckReply { title: "qdrant".to_owned(), version: version.to_owned(), commit: None }))
    }
}

/// A service whose other calls nobody makes.
macro_rules! service {
    (impl $service:path { $($served:item)* } not served: $($name:ident $request:ident $response:ident,)*) => {
        #[tonic::async_trait]
        impl $service for Server {
            $($served)*
            $(async fn $name(
                &self,
                _: Request<qdrant_client::qdrant::$request>,
            ) -> Result<Response<qdrant_client::qdrant::$response>, Status> {
                Err(Status::unimplemented(stringify!($name)))
            })*
        }
    };
}

type Done = Result<Response<CollectionOperationResponse>, Status>;
type Updated = Result<Response<PointsOperationResponse>, Status>;

fn done() -> Response<CollectionOperationResponse> {
    Response::new(CollectionOperationResponse { result: true, time: 0.0 })
}

fn updated() -> Response<PointsOperationResponse> {
    let result = Some(UpdateResult { operation_id: None, status: 2 });
    Response::new(PointsOperationResponse { result, ..PointsOperationResponse::default() })
}

service! {
    impl collections_server::Collections {
        async fn get(&self, request: Request<GetCollectionInfoRequest>) -> Result<Response<GetCollectionInfoResponse>, Status> {
            let metadata = self.0.with(&request.into_inner().collection_name, |collection| Ok(collection.metadata.clone()))?;
            let config = Some(CollectionConfig { metadata, ..CollectionConfig::default() });
            let result = Some(CollectionInfo { config, ..CollectionInfo::default() });
            Ok(Response::new(GetCollectionInfoResponse { result, time: 0.0 }))
        }
        async fn list(&self, _: Request<ListCollectionsRequest>) -> Result<Response<ListCollectionsResponse>, Status> {
            self.0.check()?;
            let collections = self.0.collections().keys().map(|name| CollectionDescription { name: name.clone() }).collect();
            Ok(Response::new(ListCollectionsResponse { collections, time: 0.0 }))
        }
        async fn create(&self, request: Request<CreateCollection>) -> Done {
            self.0.check()?;
            let request = request.into_inner();
            let Some(vectors_config::Config::ParamsMap(vectors)) = request.vectors_config.and_then(|config| config.config) else {
                return Err(Status::invalid_argument("named vectors are expected"));
            };
            let dense = vectors.map.get("dense").ok_or_else(|| Status::invalid_argument("no dense vectors"))?;
            let words = request.sparse_vectors_config.and_then(|config| config.map.get("words").copied());
            let collection = Collection {
                dimension: usize::try_from(dense.size).expect("a dimension"),
                has_idf: words.is_some_and(|words| words.modifier == Some(1)),
                metadata: request.metadata,
                ..Collection::default()
            };
            if self.0.collections().insert(request.collection_name, collection).is_some() {
                return Err(Status::already_exists("it exists"));
            }
            Ok(done())
        }
        async fn delete(&self, request: Request<DeleteCollection>) -> Done {
            self.0.check()?;
            let name = request.into_inner().collection_name;
            self.0.collections().remove(&name);
            self.0.aliases.lock().expect("no panic").retain(|_, collection| *collection != name);
            Ok(done())
        }
        async fn update_aliases(&self, request: Request<qdrant_client::qdrant::ChangeAliases>) -> Done {
            self.0.check()?;
            for action in request.into_inner().actions {
                match action.action {
                    Some(alias_operations::Action::CreateAlias(create)) => {
                        if !self.0.collections().contains_key(&create.collection_name) {
                            return Err(Status::not_found(create.collection_name));
                        }
                        self.0.aliases.lock().expect("no panic").insert(create.alias_name, create.collection_name);
                    }
                    _ => return Err(Status::unimplemented("an action of this kind")),
                }
            }
            Ok(done())
        }
        async fn list_aliases(&self, _: Request<ListAliasesRequest>) -> Result<Response<ListAliasesResponse>, Status> {
            self.0.check()?;
            let aliases = self.0.aliases.lock().expect("no panic").clone().into_iter();
            let aliases = aliases.map(|(alias_name, collection_name)| AliasDescription { alias_name, collection_name }).collect();
            Ok(Response::new(ListAliasesResponse { aliases, time: 0.0 }))
        }
        async fn collection_exists(
            &self,
            request: Request<CollectionExistsRequest>,
        ) -> Result<Response<CollectionExistsResponse>, Status> {
            self.0.check()?;
            let exists = self.0.collections().contains_key(&request.into_inner().collection_name);
            Ok(Response::new(CollectionExistsResponse { result: Some(CollectionExists { exists }), time: 0.0 }))
        }
    }
    not served:
        update UpdateCollection CollectionOperationResponse,
        list_collection_aliases ListCollectionAliasesRequest ListAliasesResponse,
        collection_cluster_info CollectionClusterInfoRequest CollectionClusterInfoResponse,
        update_collection_cluster_setup UpdateCollectionClusterSetupRequest UpdateCollectionClusterSetupResponse,
        create_shard_key CreateShardKeyRequest CreateShardKeyResponse,
        delete_shard_key DeleteShardKeyRequest DeleteShardKeyResponse,
        list_shard_keys ListShardKeysRequest ListShardKeysResponse,
}

service! {
    impl points_server::Points {
        async fn upsert(&self, request: Request<UpsertPoints>) -> Updated {
            let request = request.into_inner();
            match self.0.fault() {
                Fault::FailsAfterBatches(0) => self.0.fault.lock().map(|mut fault| *fault = Fault::Refuses).expect("no panic"),
                Fault::FailsAfterBatches(left) => {
                    *self.0.fault.lock().expect("no panic") = Fault::FailsAfterBatches(left - 1);
                }
                Fault::None | Fault::Refuses | Fault::Hangs | Fault::IsOld => {}
            }
            let count = request.points.len();
            self.0.with(&request.collection_name, |collection| {
                request.points.into_iter().try_for_each(|point| collection.insert(point))
            })?;
            self.0.upserted.fetch_add(count, Ordering::Relaxed);
            Ok(updated())
        }
        async fn delete(&self, request: Request<DeletePoints>) -> Updated {
            let request = request.into_inner();
            let Some(PointsSelectorOneOf::Points(list)) = request.points.and_then(|points| points.points_selector_one_of) else {
                return Err(Status::invalid_argument("a list of ids is served"));
            };
            self.0.with(&request.collection_name, |collection| {
                list.ids.iter().try_for_each(|id| key(Some(id)).map(|id| _ = collection.points.remove(&id)))
            })?;
            Ok(updated())
        }
        async fn get(&self, request: Request<GetPoints>) -> Result<Response<GetResponse>, Status> {
            let request = request.into_inner();
            let result = self.0.with(&request.collection_name, |collection| {
                let ids = request.ids.iter().map(|id| key(Some(id))).collect::<Result<Vec<_>, _>>()?;
                let found = ids.into_iter().filter_map(|id| Some(retrieved(&id, collection.points.get(&id)?)));
                Ok(found.collect())
            })?;
            Ok(Response::new(GetResponse { result, ..GetResponse::default() }))
        }
        async fn create_field_index(&self, request: Request<CreateFieldIndexCollection>) -> Updated {
            let request = request.into_inner();
            self.0.with(&request.collection_name, |collection| {
                collection.indexes.push(request.field_name);
                Ok(())
            })?;
            Ok(updated())
        }
        async fn scroll(&self, request: Request<ScrollPoints>) -> Result<Response<ScrollResponse>, Status> {
            let request = request.into_inner();
            let from = request.offset.as_ref().map(|id| key(Some(id))).transpose()?.unwrap_or_default();
            let limit = usize::try_from(request.limit.unwrap_or(10)).expect("a limit");
            self.0.with(&request.collection_name, |collection| {
                let mut rest = collection.points.range(from..);
                let result = rest.by_ref().take(limit).map(|(id, point)| retrieved(id, point)).collect();
                let next_page_offset = rest.next().map(|(id, _)| PointId::from(id.clone()));
                Ok(Response::new(ScrollResponse { next_page_offset, result, ..ScrollResponse::default() }))
            })
        }
        async fn query(&self, request: Request<QueryPoints>) -> Result<Response<QueryResponse>, Status> {
            let request = request.into_inner();
            let result = self.0.with(&request.collection_name, |collection| collection.query(&request))?;
            Ok(Response::new(QueryResponse { result, ..QueryResponse::default() }))
        }
        async fn query_batch(&self, request: Request<QueryBatchPoints>) -> Result<Response<QueryBatchResponse>, Status> {
            if self.0.fault() == Fault::Hangs {
                std::future::pending::<()>().await;
            }
            let request = request.into_inner();
            let answers = self.0.with(&request.collection_name, |collection| {
                request.query_points.iter().map(|query| collection.query(query)).collect::<Result<Vec<_>, _>>()
            })?;
            let result = answers.into_iter().map(|result| BatchResult { result }).collect();
            Ok(Response::new(QueryBatchResponse { result, ..QueryBatchResponse::default() }))
        }
    }
    not served:
        update_vectors UpdatePointVectors PointsOperationResponse,
        delete_vectors DeletePointVectors PointsOperationResponse,
        set_payload SetPayloadPoints PointsOperationResponse,
        overwrite_payload SetPayloadPoints PointsOperationResponse,
        delete_payload DeletePayloadPoints PointsOperationResponse,
        clear_payload ClearPayloadPoints PointsOperationResponse,
        delete_field_index DeleteFieldIndexCollection PointsOperationResponse,
        create_vector_name CreateVectorNameRequest PointsOperationResponse,
        delete_vector_name DeleteVectorNameRequest PointsOperationResponse,
        search SearchPoints SearchResponse,
        search_batch SearchBatchPoints SearchBatchResponse,
        search_groups SearchPointGroups SearchGroupsResponse,
        recommend RecommendPoints RecommendResponse,
        recommend_batch RecommendBatchPoints RecommendBatchResponse,
        recommend_groups RecommendPointGroups RecommendGroupsResponse,
        discover DiscoverPoints DiscoverResponse,
        discover_batch DiscoverBatchPoints DiscoverBatchResponse,
        count CountPoints CountResponse,
        update_batch UpdateBatchPoints UpdateBatchResponse,
        query_groups QueryPointGroups QueryGroupsResponse,
        facet FacetCounts FacetResponse,
        search_matrix_pairs SearchMatrixPoints SearchMatrixPairsResponse,
        search_matrix_offsets SearchMatrixPoints SearchMatrixOffsetsResponse,
}

fn retrieved(id: &str, point: &Point) -> RetrievedPoint {
    let dense = vector_output::Vector::Dense(DenseVector { data: point.dense.clone() });
    let output = VectorOutput { vector: Some(dense), ..VectorOutput::default() };
    let named = NamedVectorsOutput { vectors: [("dense".to_owned(), output)].into() };
    RetrievedPoint {
        id: Some(PointId::from(id.to_owned())),
        payload: point.payload.clone(),
        vectors: Some(VectorsOutput { vectors_options: Some(vectors_output::VectorsOptions::Vectors(named)) }),
        ..RetrievedPoint::default()
    }
}
