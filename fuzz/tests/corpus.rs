//! Every input of the corpus, and a few thousand mutations, are harmless.

use firstlight_fuzz::{Mutator, TARGETS};
use std::path::Path;

#[test]
fn the_corpus_and_what_is_near_it_are_harmless() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target.name);
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        let corpus: Vec<Vec<u8>> = files
            .iter()
            .map(|file| std::fs::read(file).expect("a file"))
            .collect();
        assert!(!corpus.is_empty(), "{} has a corpus", target.name);
        corpus.iter().for_each(|input| (target.run)(input));
        let mut mutator = Mutator::new(7, target.bytes_max);
        let mut input = Vec::new();
        for _ in 0..target.runs / 100 {
            mutator.next_input(&corpus, &mut input);
            (target.run)(&input);
        }
    }
}
