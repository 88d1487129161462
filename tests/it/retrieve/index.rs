//! What every index does, in the process or in Qdrant: the same tests for both.

use std::sync::Arc;

use faultline::{
    net::Secret,
    retrieve::{
        Library, Query,
        asked::Asked,
        dense::{DenseText, texts},
        embed::Embedder,
        index::{Changes, Contents, MemoryIndex, VectorIndex, Wanted},
        qdrant::{QdrantIndex, points::ids_of},
        vectors::Vectors,
    },
};

use crate::support::{qdrant::FakeQdrant, words::WordsEmbedder};

struct Version {
    library: Library,
    texts: Vec<DenseText>,
    vectors: Vectors,
    embedder: WordsEmbedder,
}

impl Version {
    fn new(model: &str, files: &[(&str, &str)]) -> Self {
        let library = Library::from_files(files.iter().map(|(file, text)| (*file, text.as_bytes()))).0;
        let texts = texts(&library);
        let embedder = WordsEmbedder::new(model);
        let vectors = texts.iter().map(|text| (text.key, embedder.vector(&text.text).into())).collect();
        Self { library, texts, vectors, embedder }
    }

    fn contents(&self) -> Contents<'_> {
        Contents { library: &self.library, texts: &self.texts, vectors: &self.vectors, model: self.embedder.identity() }
    }

    async fn cosines(&self, index: &dyn VectorIndex, text: &str) -> Vec<f32> {
        let positions = ids_of(&self.library, &self.texts);
        let positions = positions.into_iter().map(|(id, at)| (id, u32::try_from(at).expect("a small number"))).collect();
        let asked = Asked::of(&Query { text, ..Query::default() });
        let vector = self.embedder.vector(text);
        let (library, texts) = (&self.library, self.texts.as_slice());
        let wanted = Wanted { library, texts, positions: &positions, asked: &asked, vector: &vector, runbooks: &[] };
        let scores = index.search(&wanted).await.expect("an index that works");
        scores.cards.into_iter().chain(scores.passages).collect()
    }

    /// What the index says, against what the vectors say.
    async fn check(&self, index: &dyn VectorIndex) {
        for text in ["no space left on the device", "lookups take long", "old certificate"] {
            let vector = self.embedder.vector(text);
            let cosine = |at: &DenseText| self.vectors[&at.key].iter().zip(&vector).map(|(a, b)| a * b).sum::<f32>();
            let cards = self.texts.iter().filter(|text| text.passage.is_none()).map(cosine);
            let passages = self.texts.iter().filter(|text| text.passage.is_some()).map(cosine);
            let expected: Vec<f32> = cards.chain(passages).collect();
            let found = self.cosines(index, text).await;
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(&expected).all(|(one, other)| (one - other).abs() < 1e-4), "{found:?} {expected:?}");
        }
    }

    async fn put(&self, index: &dyn VectorIndex) -> Changes {
        index.update(&self.contents(), &|_, _| ()).await.expect("an index that works")
    }
}

const DISK: (&str, &str) =
    ("disk.md", "# Disk full\n\n## Meaning\n\nNo space left on the device.\n\n## Fix\n\nDelete old files.\n");
const DNS: (&str, &str) = ("a/dns.md", "# Names\n\nLookups take long.\n");
const CERT: (&str, &str) = ("cert.md", "# Certificate\n\nIt is old.\n");

async fn contract(index: &dyn VectorIndex) {
    let first = Version::new("m", &[DISK, DNS]);
    assert_eq!(first.put(index).await, Changes { added: 5, removed: 0, kept: 0 });
    first.check(index).await;
    assert_eq!(first.put(index).await, Changes { added: 0, removed: 0, kept: 5 }, "the same again changes nothing");
    assert_eq!(index.verify(&first.contents()).await, Ok(vec![]));

    let second = Version::new("m", &[DISK, CERT]);
    assert_eq!(second.put(index).await, Changes { added: 2, removed: 2, kept: 3 });
    second.check(index).await;
    assert_eq!(index.verify(&second.contents()).await, Ok(vec![]));
    assert_ne!(index.verify(&first.contents()).await, Ok(vec![]), "what left is missed");

    let all: Vec<&DenseText> = first.texts.iter().collect();
    let known = index.known(&first.library, &all, first.embedder.identity()).await.expect("an index that works");
    assert_eq!(known.len(), 3, "what is in both is known");
    for (key, vector) in known {
        let expected = &first.vectors[&key];
        assert!(vector.iter().zip(expected.iter()).all(|(one, other)| (one - other).abs() < 1e-4));
    }
}

#[tokio::test]
async fn the_index_in_the_process_keeps_the_contract() {
    contract(&MemoryIndex::default()).await;
}

#[tokio::test]
async fn qdrant_keeps_the_contract() {
    let server = FakeQdrant::start().await;
    let index = QdrantIndex::new(&server.url, &Secret::default(), "faultline").expect("a valid address");
    contract(&index).await;

    // What only a store elsewhere has to do: filters, and no vectors of two models in one collection.
    let (points, indexes, payload) = server.contents("faultline");
    assert_eq!((points, indexes), (5, ["category", "tags", "file"].map(str::to_owned).to_vec()));
    assert!(["file", "title", "section", "category", "tags", "hash", "text"].iter().all(|name| payload.contains_key(*name)));
    let before = server.behind("faultline").expect("an alias");
    let other = Version::new("another model", &[DISK, CERT]);
    let known = index.known(&other.library, &other.texts.iter().collect::<Vec<_>>(), other.embedder.identity()).await;
    assert_eq!(known.map(|vectors| vectors.len()), Ok(0), "vectors of one model are not another's");
    other.put(&index).await;
    other.check(&index).await;
    let after = server.behind("faultline").expect("an alias");
    assert_ne!(before, after);
    assert_eq!(server.collections(), [after], "the old one is gone");
}

#[tokio::test]
async fn a_long_library_comes_in_batches_and_the_nearest_are_exact() {
    let server = FakeQdrant::start().await;
    let index: Arc<dyn VectorIndex> = Arc::new(QdrantIndex::new(&server.url, &Secret::default(), "x").expect("a valid address"));
    let files: Vec<(String, String)> =
        (0..200).map(|n| (format!("{n}.md"), format!("# Title {n}\n\nAlpha{n} beta{} gamma{}.\n", n % 7, n % 13))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    let version = Version::new("m", &files);
    assert_eq!(version.put(&*index).await, Changes { added: 400, removed: 0, kept: 0 });
    let text = "alpha42 beta0 gamma3";
    let found = version.cosines(&*index, text).await;
    let vector = version.embedder.vector(text);
    let mut exact: Vec<f32> =
        version.texts.iter().map(|text| version.vectors[&text.key].iter().zip(&vector).map(|(a, b)| a * b).sum()).collect();
    exact.sort_by(|one, other| other.total_cmp(one));
    let mut found: Vec<f32> = found.into_iter().filter(|cosine| *cosine >= -1.01).collect();
    found.sort_by(|one, other| other.total_cmp(one));
    assert!(found.len() >= 128);
    assert!(found.iter().zip(&exact).take(100).all(|(one, other)| (one - other).abs() < 1e-4));
}
