//! Function words (stop words), negators and clause breakers of the languages that Clew reads closely.
//!
//! Written by hand for this project from general knowledge of the languages, one list each: articles, pronouns,
//! prepositions, conjunctions, auxiliaries, and the politeness of customer messages ("please", "obrigado"). Words are
//! lower-case with accents folded away, because customers leave accents out ("nao", "esta"); look them up folded.
//! Negators are also function words, but text analysis must see them, so they are listed apart.
//!
//! Deliberately missing: opinion words. "Good" and "bad" carry meaning here, even where search engines drop them.

use std::sync::LazyLock;

use rustc_hash::FxHashSet;

use crate::language::Language;

/// The word lists of one language. All words are lower-case and accent-folded.
pub struct WordList {
    /// Whose words these are.
    pub language: Language,
    stop: LazyLock<FxHashSet<&'static str>>,
    negators: &'static [&'static str],
    breakers: &'static [&'static str],
}

impl WordList {
    /// Is it a function word (a negator counts as one)?
    pub fn contains(&self, folded: &str) -> bool {
        self.stop.contains(folded) || self.is_negator(folded)
    }

    /// Does the word deny what follows it?
    pub fn is_negator(&self, folded: &str) -> bool {
        self.negators.contains(&folded)
    }

    /// Does the word start a new clause, where a denial ends ("but")?
    pub fn breaks_clause(&self, folded: &str) -> bool {
        self.breakers.contains(&folded)
    }
}

/// The list of a language, if there is one.
pub fn of(language: Language) -> Option<&'static WordList> {
    LISTS.iter().find(|list| list.language == language)
}

/// All lists.
pub static LISTS: [WordList; 5] = [
    WordList {
        language: Language::EN,
        stop: LazyLock::new(|| EN.split_whitespace().collect()),
        negators: &[
            "not", "no", "never", "cannot", "without", "nothing", "nobody", "none", "neither", "nor", "hardly", "barely", "dont",
            "doesnt", "didnt", "cant", "wont", "isnt", "wasnt", "arent", "werent", "couldnt", "wouldnt", "shouldnt", "havent",
            "hasnt", "hadnt", "aint",
        ],
        breakers: &["but", "however", "although", "though", "except"],
    },
    WordList {
        language: Language::PT,
        stop: LazyLock::new(|| PT.split_whitespace().collect()),
        negators: &["nao", "nunca", "nem", "sem", "jamais", "nenhum", "nenhuma", "nada", "ninguem", "tampouco"],
        breakers: &["mas", "porem", "contudo", "entretanto", "todavia", "embora", "exceto"],
    },
    WordList {
        language: Language::ES,
        stop: LazyLock::new(|| ES.split_whitespace().collect()),
        negators: &["no", "nunca", "ni", "sin", "jamas", "ningun", "ninguna", "ninguno", "nada", "nadie", "tampoco"],
        breakers: &["pero", "aunque", "sino", "excepto", "salvo"],
    },
    WordList {
        language: Language::DE,
        stop: LazyLock::new(|| DE.split_whitespace().collect()),
        negators: &[
            "nicht", "nie", "niemals", "kein", "keine", "keinen", "keiner", "keinem", "keines", "ohne", "nichts", "niemand",
            "weder", "kaum",
        ],
        breakers: &["aber", "sondern", "jedoch", "allerdings", "obwohl", "ausser"],
    },
    WordList {
        language: Language::FR,
        stop: LazyLock::new(|| FR.split_whitespace().collect()),
        negators: &["ne", "pas", "jamais", "sans", "aucun", "aucune", "rien", "ni", "personne", "n'est", "n'a", "n'ai"],
        breakers: &["mais", "cependant", "pourtant", "toutefois", "sauf"],
    },
];

const EN: &str = "a about above after again all also am an and any are as at be because been before being below
between both but by can could did do does doing down during each either else ever every few for from further get gets
getting got had has have having he her here hers herself him himself his how however i if im in into is it its itself
ive just let lets like made make many may me might more most much must my myself now of off on once one only or other
our ours ourselves out over own per please really same she should since so some still such than thank thanks that
thats the their theirs them themselves then there these they this those though through thus to too under until up
upon us very via was we well were what whats when where whether which while who whom whose why will with would yes
yet you your youre yours yourself yourselves hi hello hey dear ok okay it's i'm i've i'd i'll that's what's you're
you've you'll we're we've they're they've he's she's there's let's u ur im id ill gonna wanna rt";

const PT: &str = "a ao aos aquela aquelas aquele aqueles aquilo as ate com como cada da das de dela delas dele deles
depois desde dessa desse desta deste do dos e ela elas ele eles em entao entre era eram essa essas esse esses esta
estao estamos estar estas estava estavam este estes estive esteve estou eu fez fica ficou foi fomos foram fosse fui ha
isso isto ja la lhe lhes lo mais mas me mesma mesmo meu meus minha minhas muita muitas muito muitos na nas nessa nesse
nesta neste no nos nossa nossas nosso nossos num numa o onde os ou outra outras outro outros para pela pelas pelo
pelos pois por porem porque pra pro quais qual quando quanto que quem se seja sem sendo ser sera seu seus sido sim so
sobre sou sua suas tal tambem tanto tao te tem temos tenha tenho ter teria teu teve tinha tinham tive tiver todas
todo todos toda tudo um uma umas uns vai vou voce voces vcs vc vos assim ainda aqui ai alem apenas agora algo
alguem algum alguma alguns algumas antes apos cade dai dei deu deve estes faz fazer fiz ola oi 
dia favor pq q d p c eh ne to ta sao estive havia houve";

const ES: &str = "a al algo alguien algun alguna algunas algunos ante antes aquel aquella aquello asi aun aunque bajo
 cada como con contra cual cuales cuando cuanto de del desde donde dos durante e el ella ellas ellos en entonces
entre era eran es esa esas ese eso esos esta estaba estaban estado estamos estan estar estas este esto estos estoy
estuve fue fueron fui ha habia habian hace hacer hago han has hasta hay he hemos hizo hola la las le les lo los luego
mas me mi mis mucha muchas mucho muchos muy nos nosotros nuestra nuestro o os otra otras otro otros para pero por
porque pues que quien quienes se sea ser si sido siempre siendo sin sobre solo son soy su sus tal tambien tan tanto
te tener tengo tenia ti tiene tienen toda todas todavia todo todos tras tu tus tuve u un una unas uno unos usted
ustedes va voy y ya yo gracias favor dias";

const DE: &str = "ab aber alle allem allen aller alles als also am an andere anderen auch auf aus ausser bei beim bin
bis bist bitte da dabei damit danach danke dann das dass dein deine dem den denn der des dessen die dies diese diesem
diesen dieser dieses doch dort du durch ein eine einem einen einer eines einfach einmal er es etwas euch euer fur gab
gegen geht habe haben hallo hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im
immer in ins ist ja jede jedem jeden jeder jedes jetzt jedoch kann kannst konnen konnte lassen mal man mehr
mein meine meinem meinen meiner mich mir mit mochte muss mussen nach noch nun nur ob oder ohne schon sehr sein seine
seinen seiner seit sich sie sind so sogar solche soll sollte sondern sonst uber um und uns unser unsere unter viel
viele vom von vor wahrend wann war waren warum was weil weiter welche wenn wer werde werden wie wieder will wir wird
wo wurde wurden zu zum zur zwar zwischen";

const FR: &str = "a ai ainsi alors apres as au aucun aussi autre autres aux avaient avais avait avant avec avez avoir
avons beaucoup bonjour bonsoir car ce ceci cela celle celles celui ces cet cette ceux chaque chez ci comme
comment d'un d'une dans de deja depuis des donc dont du elle elles en encore entre es est et etaient etais etait etant
ete etes etre eu eux faire fait fais fois font fut ici il ils j'ai j'avais je jusqu la le les leur leurs lors lorsque
lui ma mais me meme memes merci mes moi moins mon ne nos notre nous on ont or ou par parce pas peu peut peux plus pour
pourquoi pres puis qu'il qu'elle quand que quel quelle quelles quels qui quoi sa se sera serait ses si soit son sont
sous suis sur ta te tes toi ton toujours tous tout toute toutes tres trop tu un une va vers vos votre vous voici voila
y c'est c'etait n'est n'ai n'a qu'on d'avoir s'il svp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opinions_are_not_function_words() {
        for word in ["good", "bad", "late", "bom", "bem", "otimo", "ruim", "bueno", "bien", "malo", "gut", "schlecht", "mauvais"]
        {
            assert!(LISTS.iter().all(|list| !list.contains(word)), "{word}");
        }
    }

    #[test]
    fn words_are_folded() {
        for list in &LISTS {
            for word in list.stop.iter().chain(list.negators).chain(list.breakers) {
                assert!(word.is_ascii() && *word == word.to_lowercase(), "{word}");
            }
        }
    }
}
