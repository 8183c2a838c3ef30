//! Short and familiar forms of given names, folded. Two names of one group may be one person's.
//!
//! A form may stand in several groups (`alex` for Alexander and for Alexandra). The groups are general knowledge of English, German, Spanish and
//! French usage, written down for Clew; no list was copied.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

/// One name and its forms a line.
const GROUPS: &str = "
abigail abby gail
albert al bert bertie
alexander alex alec sandy sasha xander
alexandra alex sandra sasha lexi alexa
alfred al fred alfie
amanda mandy
andrew andy drew
andreas andi
angela angie
anthony tony
antonio toni
antoinette toni nettie
arthur art
barbara barb babs barbie
benjamin ben benny benji
bernard bernie
beverly bev
bradley brad
bridget biddy bridie
calvin cal
cameron cam
caroline carrie caro
carolyn carol lyn
cassandra cass cassie sandra
catherine cathy cath kate katie cat kathy katherine kathryn katharine katheryn kathleen kay
katherine kathy kate katie kat kitty kay catherine kathryn katharina katja kathrin
charles charlie chuck chas karl carlos
charlotte lottie charlie
christian chris
christine chris chrissie tina christina
christopher chris topher kit
clifford cliff
cornelius neil con
cynthia cindy
daniel dan danny
danielle dani
david dave davey
deborah deb debbie debra
dennis denny
dolores lola
dominic dom nick
donald don donnie
dorothy dot dottie dolly
douglas doug
edmund ed ned
edward ed eddie ted ned teddy
edwin ed
eleanor ellie nell nora
elizabeth liz beth betty eliza lizzie betsy lisa libby elisabeth elspeth bess lilibeth ella
elisabeth sissi lisa elli betti
emily em emmy
emma em
ernest ernie
eugene gene
evelyn eve evie
florence flo florrie
frances fran frannie francie
francis frank fran
francisco paco pancho frank
franklin frank
franz franzi
frederick fred freddie rick fritz
friedrich fritz
gabriel gabe
gabrielle gabby
geoffrey geoff jeff
georg jorg schorsch
george georgie
gerald gerry jerry
gertrude trudy gert
gilbert gil
gregory greg
guillermo memo
gwendolyn gwen
hannah hanna
harold harry hal
harriet hattie
helen nell nellie lena
henry harry hank hal
herbert herb bert
howard howie
ignacio nacho
isabella bella izzy isabel
jacob jake jack
jacqueline jackie
james jim jimmy jamie
janet jan
jean jeanne jeannie
jeffrey jeff geoffrey
jennifer jen jenny jenn
jeremy jerry jem
jessica jess jessie
joan joanie
johannes hannes hans jo
john jack johnny jon
jonathan jon johnny nathan
joseph joe joey jo
josef sepp jupp
jose pepe
josephine jo josie
joshua josh
juan juanito
judith judy
julia julie jules
julian jules
karen kari
kenneth ken kenny
kimberly kim kimmy
kristen kris
lawrence larry lars laurie
leonard leo len lenny
leslie les
lillian lily lil
louis lou louie
louise lou
lucille lucy
madeline maddie maddy
manuel manny manolo
margaret maggie meg peggy marge margie greta madge daisy rita
margarete grete gretchen greta
maria marie mia mary
martha marty mattie
martin marty
mary molly polly mae marie
matthew matt matty
matthias matze hias
maximilian max
maxine max
megan meg
melissa mel lissa missy
michael mike mick mickey micky mikey mitch
michaela micha
michelle shelly
mildred millie
miriam mimi
mohammed mohamed muhammad mohammad mo
mitchell mitch
nancy nan
natalie nat
nathan nate nat
nathaniel nate nat nathan
nicholas nick nicky nico nicolas klaus
nicole nicky nikki
oliver ollie
olivia liv livvy
pamela pam
patricia pat patty tricia trish trisha patsy
patrick pat paddy
paula polly
penelope penny
peter pete
philip phil pip phillip
priscilla cilla prissy
rachel rae
ralph ralphie
randall randy
raymond ray
rebecca becky becca
reginald reg reggie
richard rick dick rich ricky richie
robert bob bobby rob robbie bert robby
roberta bobbie robbie
roderick rod
rodney rod
roger rog
ronald ron ronnie
rosemary rose rosie
russell russ
samantha sam sammy
samuel sam sammy
sandra sandy
sarah sally sadie sara
sebastian basti seb
sharon shari
sidney sid
sigmund siggi
simon si
sophia sophie
stanley stan
stephanie steph stephie
stephen steve steven stevie
steven steve stephen stevie
stuart stu
susan sue susie suzy susanna
sylvester sly
teresa terry tess tessa theresa
terence terry
theodore ted theo teddy
thomas tom tommy
timothy tim timmy
ulrich uli
valerie val
vanessa nessa
vera ronnie
vernon vern
veronica ronnie vera
victor vic
victoria vicky tori vickie
vincent vince vinny
virginia ginny
walter walt wally
wilhelm willi willy
william bill billy will willie liam
winifred winnie
zachary zach zack
";

/// Which names are forms of each other.
#[derive(Debug)]
pub struct Nicknames {
    groups: FxHashMap<&'static str, Vec<u16>>,
}

static NICKNAMES: LazyLock<Nicknames> = LazyLock::new(Nicknames::read);

impl Nicknames {
    /// The table.
    pub fn table() -> &'static Self {
        &NICKNAMES
    }

    fn read() -> Self {
        let mut groups: FxHashMap<&str, Vec<u16>> = FxHashMap::default();
        for (group, line) in (0..).zip(GROUPS.lines().filter(|line| !line.is_empty())) {
            line.split(' ').for_each(|name| groups.entry(name).or_default().push(group));
        }
        Self { groups }
    }

    /// The groups of a name, ascending.
    pub fn groups(&self, name: &str) -> &[u16] {
        self.groups.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Whether two ascending lists share an element.
pub fn meet(a: &[u16], b: &[u16]) -> bool {
    a.iter().any(|group| b.contains(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_meet_their_names_and_no_others() {
        let nicknames = Nicknames::table();
        let alike = |a, b| meet(nicknames.groups(a), nicknames.groups(b));
        for (a, b) in [("robert", "bob"), ("bob", "rob"), ("william", "bill"), ("alexandra", "alex"), ("kate", "katherine")] {
            assert!(alike(a, b) && alike(b, a), "{a} {b}");
        }
        for (a, b) in [("robert", "bill"), ("anna", "hannah"), ("", ""), ("xyz", "xyz")] {
            assert!(!alike(a, b), "{a} {b}");
        }
    }
}
