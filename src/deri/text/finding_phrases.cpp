#include "deri/text/finding_phrases.hpp"

namespace deri {

const std::string_view kFindingPhrases = R"TABLE(
# Rhythm.
[normal|] sinus rhythm = sinus_rhythm
[nsr|sr] = sinus_rhythm
sinus [bradycardia|brady] = sinus_bradycardia
sinus rhythm [,|with|] bradycardia = sinus_bradycardia
sinus [tachycardia|tach] = sinus_tachycardia
sinus rhythm [,|with|] tachycardia = sinus_tachycardia
sinus arrhythmia~ = sinus_arrhythmia
sinus rhythm [|,] with [|irregular rate ,] [|respiratory|marked] sinus arrhythmia = sinus_arrhythmia
sinus [bradyarrhythmia|brady arrhythmia] = sinus_bradycardia sinus_arrhythmia
rhythm is [|now|probably|possibly] sinus = sinus_rhythm
[atrial fibrillation|afib|a fib|af] = atrial_fibrillation
[atrial flutter|aflutter|a flutter] = atrial_flutter
[atrial fibrillation|a fib|afib] [/|or|/ atrial|or atrial|] flutter = atrial_fibrillation? atrial_flutter?
atrial flutter [/|or|/ atrial|or atrial] [fibrillation|fib] = atrial_fibrillation? atrial_flutter?
[supraventricular|sv|atrial|reentrant] [tachycardia|tachyarrhythmia] = supraventricular_tachycardia
svt = supraventricular_tachycardia
[ventricular tachycardia|vt|vtach|v tach] = ventricular_tachycardia
[junctional|nodal|av nodal] [|escape|ectopic|accelerated] [rhythm|tachycardia|bradycardia] = junctional_rhythm
rhythm .. junctional = junctional_rhythm
[paced|pacemaker~] = paced_rhythm
[ventricular|atrial|av|dual chamber|av sequential|biventricular|demand|intermittent] [pacing|pacemaker|paced] = paced_rhythm
pacing spike~ = paced_rhythm
wandering [|atrial|sinus] pacemaker = none
permanent pacing should be considered = none

# Extra beats.
@beats: contraction~
@beats: complex~
@beats: beat~
@beats: extrasystole~
@beats: depolarization~
premature ventricular [@beats|ectopic~] = ventricular_ectopy
ventricular premature [@beats|ectopic~|] = ventricular_ectopy
ventricular [extrasystole~|ectopic~|ectopy|ectopic beat~] = ventricular_ectopy
[pvc~|vpc~|vpb~] = ventricular_ectopy
premature [atrial|supraventricular] [@beats|ectopic~] = atrial_ectopy
[atrial|supraventricular] premature [@beats|ectopic~|] = atrial_ectopy
[atrial|supraventricular] [extrasystole~|ectopic~|ectopy|ectopic beat~] = atrial_ectopy
[pac~|apc~|apb~] = atrial_ectopy
[ventricular [and|or] [atrial|supraventricular]|[atrial|supraventricular] [and|or] ventricular] [premature @beats|extrasystole~|ectopic~|ectopy|ectopic beat~] = ventricular_ectopy atrial_ectopy
[premature ventricular [and|or] [atrial|supraventricular]|premature [atrial|supraventricular] [and|or] ventricular] @beats = ventricular_ectopy atrial_ectopy
[bigeminy|bigeminus|bigeminal] = bigeminy
[trigeminy|trigeminus|trigeminal] = trigeminy

# AV conduction. "a v" is what is left of "a-v".
@av: av
@av: a v
@av: atrioventricular
@av: heart
[first|1st] degree @av block = av_block_1
@av block [, |] [first|1st|i] degree = av_block_1
@av block i = av_block_1
[prolonged|long] [pr|pq] [|interval] = av_block_1
[pr|pq] .. [prolonged|prolongation] = av_block_1
[second|2nd] degree [|sinoatrial] @av block = av_block_2
@av block [, |] [second|2nd|ii] degree = av_block_2
[mobitz|wenckebach] = av_block_2
[third|3rd] degree @av block = av_block_3
@av block [, |] [third|3rd|iii] degree = av_block_3
complete @av block = av_block_3

# Intraventricular conduction.
@bbb: bundle branch block
@bbb: bundle block
[|complete] right @bbb = right_bundle_branch_block
[rbbb|complete rbbb|crbbb] = right_bundle_branch_block
[incomplete|partial|minor] [right @bbb|rbbb] = incomplete_right_bundle_branch_block
irbbb = incomplete_right_bundle_branch_block
[|complete] left @bbb = left_bundle_branch_block
[lbbb|complete lbbb|clbbb] = left_bundle_branch_block
[incomplete|partial|minor] [left @bbb|lbbb] = incomplete_left_bundle_branch_block
ilbbb = incomplete_left_bundle_branch_block
[left|] anterior [fascicular block|hemiblock|hemi block|fascicular hemiblock] = left_anterior_fascicular_block
[lafb|lahb] = left_anterior_fascicular_block
[left|] posterior [fascicular block|hemiblock|hemi block|fascicular hemiblock] = left_posterior_fascicular_block
[lpfb|lphb] = left_posterior_fascicular_block
@delay: delay~
@delay: defect~
@delay: disturbance~
@delay: abnormality
@delay: abnormalities
@delay: block
[intraventricular|intra ventricular|iv|interventricular] [|conduction] @delay = intraventricular_delay
ivcd = intraventricular_delay
right [or|and|/] left @bbb = right_bundle_branch_block left_bundle_branch_block
left [or|and|/] right @bbb = right_bundle_branch_block left_bundle_branch_block
[wpw|wolff parkinson white|preexcitation|pre excitation|delta wave~] = preexcitation

# Chambers.
[left ventricular|lv] hypertrophy = left_ventricular_hypertrophy
hypertrophy of the left ventricle = left_ventricular_hypertrophy
lvh = left_ventricular_hypertrophy
[right ventricular|rv] hypertrophy = right_ventricular_hypertrophy
hypertrophy of the right ventricle = right_ventricular_hypertrophy
rvh = right_ventricular_hypertrophy
biventricular hypertrophy = left_ventricular_hypertrophy right_ventricular_hypertrophy
@large: enlargement
@large: abnormality
@large: hypertrophy
@large: dilatation
@large: dilation
@large: overload
[left|l] atrial @large = left_atrial_enlargement
[lae|p mitrale] = left_atrial_enlargement
[right|r] atrial @large = right_atrial_enlargement
[rae|p pulmonale] = right_atrial_enlargement
[biatrial|bi atrial] @large = left_atrial_enlargement right_atrial_enlargement
[left [and|or] right|right [and|or] left] atrial @large = left_atrial_enlargement right_atrial_enlargement

# Axis.
left axis [|deviation] = left_axis_deviation
axis .. deviated to the left = left_axis_deviation
leftward axis = left_axis_deviation?
normal to left axis = none
right axis [|deviation] = right_axis_deviation
[right superior|northwest] axis [|deviation] = right_axis_deviation
axis .. deviated to the right = right_axis_deviation
[rightward axis|vertical to right axis [|deviation]] = right_axis_deviation?

# Voltage.
low [|qrs|limb lead|chest lead|precordial|precordial lead|limb lead qrs|qrs complex|amplitude] voltage~ = low_voltage
voltage~ .. low = low_voltage
high [|qrs|v lead|limb lead|chest lead|precordial|precordial lead|left ventricular] voltage~ = high_voltage
voltage~ .. high = high_voltage

# Infarction. The gap takes other sites: "anterior and inferior infarcts".
@infarct: infarct~
@infarct: infarction~
@infarct: mi
@infarct: myocardial damage
@infarct: scar
anterior & @infarct = anterior_infarct
[anteroseptal|antero septal|anterior septal] & @infarct = anteroseptal_infarct
septal & @infarct = septal_infarct
[anterolateral|antero lateral] & @infarct = anterior_infarct lateral_infarct
[anteroinferior|antero inferior] & @infarct = anterior_infarct inferior_infarct
inferior & @infarct = inferior_infarct
[inferolateral|infero lateral] & @infarct = inferior_infarct lateral_infarct
[inferoposterior|infero posterior] & @infarct = inferior_infarct posterior_infarct
lateral & @infarct = lateral_infarct
[posterolateral|postero lateral] & @infarct = posterior_infarct lateral_infarct
posterior & @infarct = posterior_infarct
imi = inferior_infarct
asmi = anteroseptal_infarct
lmi = lateral_infarct
@infarct = infarct

# ST segments and T waves.
@change: change~
@change: abnormality
@change: abnormalities
@change: alteration~
@change: disturbance~
st .. [elevated|elevation~] = st_elevation
st t elevation~ = st_elevation
elevated st [|segment~] = st_elevation
[stemi|st elevation mi|st elevation myocardial infarction] = st_elevation infarct
st .. [depressed|depression~] = st_depression
st t depression~ = st_depression
depressed st [|segment~] = st_depression
[downsloping|sagging] st [|segment~] = st_depression
t .. [inverted|negative|inversion~] = t_inversion
[inverted|negative] t [|wave~] = t_inversion
t .. [low|flat|flattened|flattening|biphasic|abnormal] !voltage = t_change
[low|low amplitude|flat|flattened|biphasic|abnormal] t [|wave~] = t_change
t [|wave~] [|morphology] @change = t_change
[st|st segment] [|/|and|or] t [|wave~] [|segment] @change = st_t_change
st [|segment] @change = st_t_change
abnormal st [and t|t|] [|wave~|segment~] = st_t_change
[repolarization [@change|variant~]|abnormal repolarization] = st_t_change
[ischemia|ischemic] = ischaemia
[most|] commonly due to ischemic heart disease = none
[left|right|] [ventricular|lv|rv|] strain [|pattern] = strain
lv overload = strain
[prolonged|long] [qt|qtc] [|interval] = long_qt
[qt|qtc] .. [prolonged|prolongation] = long_qt
short qt = none
[digitalis|digoxin|digitalization] [|effect~|toxicity] = digitalis_effect
early repolarization [|pattern|variant] = early_repolarisation
@poor: poor
@poor: reduced
@poor: delayed
@poor: slow
@poor: absent
@poor: abnormal
@poor: diminished
@poor [|anterior|precordial] r [|wave~] progression = poor_r_progression
@poor progression of [|anterior] r [|wave~] = poor_r_progression
prwp = poor_r_progression
[pericarditis|myopericarditis|perimyocarditis] = pericarditis

# The verdict. Other things can be "within normal limits" too.
@ecg: ecg
@ecg: ekg
@ecg: tracing
@ecg: electrocardiogram
[|otherwise] normal [|resting|adult] @ecg = normal_ecg
@ecg [|is] [|otherwise|entirely] normal = normal_ecg
@ecg [|is] within normal limits = normal_ecg
otherwise [normal|within normal limits] = normal_ecg
^^ [|all|all values] within normal limits = normal_ecg
^^ [probably normal|borderline normal] $ = normal_ecg?
no [definite|significant|obvious] [pathology|abnormality|abnormalities] = normal_ecg
no [pathology|abnormality|abnormalities] [|detected|found|seen|noted] $ = normal_ecg
[does|do] not show any [|definite] [pathology|abnormality|abnormalities] = normal_ecg
)TABLE";

const std::string_view kFindingCues = R"TABLE(
# Denied, before the finding.
[no|not|without|nor|neither|never] = absent after
no longer = absent after
[absence|lack|disappearance|resolution] of = absent after
absent $ = absent before
[negative for|free of|rather than|instead of|in place of] = absent after
[has|have|had|] [replaced|replaces|replacing] = absent after
[rules|ruled|ruling] out = absent after
[excludes|excluding|argues against|argue against] = absent after
[was|were] [previously|formerly] = absent after
[previously|formerly] [|there] [was|were] = absent after
^ [previously|formerly] = absent after
risk of [|developing] = absent after

# Denied, after the finding.
@seen: present
@seen: seen
@seen: evident
@seen: identified
@seen: detected
@seen: demonstrated
@seen: apparent
@seen: noted
@seen: found
@seen: visible
@seen: recorded
@seen: recognised
@seen: recognized
[is|are|was|were|] [not|no longer] [|clearly|definitely|currently|now] @seen = absent before
[is|are|was|were|] absent = absent before
[is|are|was|were|seems|appears|would be|] [unlikely|not likely|not suspected] = absent before
[is|are|was|were|has been|have been|] ruled out = absent before
[is|are|was|were|has been|have been|can be] excluded = absent before
[is|are|was|were|has|have|has now|have now|is now|are now] [resolved|disappeared|gone|ceased|negligible|subsided|normalized] = absent before
^ [resolved|negative] $ = absent before
[is|was|has been|have been|] [replaced by|superseded by] = absent before
[has|have|] [converted|reverted] to = absent before

# Hedged, before the finding.
[possible|possibly|probable|probably|likely|suspected|suspect|questionable|query|presumed|presumably|perhaps] = uncertain next
[borderline|equivocal|doubtful|potential|apparent] = uncertain next
[suggest~|suggesting|suggested|suggestive of|suggestive for|suggestion of] = uncertain after
[consistent with|compatible with|accord~ with|in keeping with|indicative of|typical of] = uncertain after
[consider|considering] = uncertain after
[may|might|could] [|well|also|possibly] [be|represent|indicate|reflect|mean|suggest|have] = uncertain after
[can|could] [|not] be due to = uncertain after
[likely|probably|possibly|presumably|thought] [|to be] [due to|secondary to|related to] = uncertain after
[cannot|can not|could not|unable to|does not|do not] [|entirely|completely|definitely|fully] [exclude|rule out] = uncertain after
[rule out|exclude|r / o] = uncertain after
[possibility|question|suspicion] of = uncertain after
[suspicious|concern|concerning] [for|of|about] = uncertain after
[versus|vs|with or without] = uncertain after

# Hedged, after the finding.
[cannot|can not|could not] be [|entirely|completely|definitely|fully|safely|reliably] [excluded|ruled out] = uncertain before
not [|been] [|entirely|completely|definitely|fully] [excluded|ruled out] = uncertain before
[difficult|hard|impossible] to [exclude|rule out] = uncertain before
[is|are|was|seems|appears|seem|appear] [|very|quite|most|also] [possible|probable|likely|suspected|questionable|doubtful|equivocal|borderline] = uncertain before
is [|a|the] [possible|likely|probable] [cause|explanation|diagnosis] = uncertain before
is a possibility = uncertain before
[should|must|may|might|could] be [considered|present|suspected|contributory] = uncertain before
[to be|is|are|being] considered = uncertain before
, [probable|probably|possible|possibly|likely|suspected|questionable|borderline|query] $ = uncertain before
? = uncertain before
[versus|vs] = uncertain before
[not certain|uncertain|possible|probable|likely|suspected|questionable] $ = uncertain before

# Neither.
[probably|possibly|likely|possible|probable] [|a] [old|recent|acute|chronic|new|remote|subacute] $ = ignore
[probably|possibly|probable|possible|likely|may be|might be|could be|suggests|suggesting|suggest] [|a] normal [$|for age|variant] = ignore
[probably|possibly|may be|might be] physiological = ignore
[age|date] [|of the changes|of these changes] is uncertain = ignore
of [uncertain|questionable|doubtful|borderline] [age|date|significance] = ignore
[age|significance] [uncertain|not certain] = ignore
not [|been] [|significantly|much|markedly|substantially] [changed|altered|different] = ignore
[no|without|not] [|significant|major|definite|interval|further|other|appreciable|essential] [change~|difference] [|in|from|since|of] = ignore
not [only|just] = ignore
[no|not] doubt = ignore
no further = ignore
previously [noted|seen|described|reported|present] = ignore
borderline [ecg|ekg|tracing] = ignore
suggest~ [repeat|cardiological|clinical] = ignore

# A clause ends.
[but|however|although|though|except|except for|whereas|otherwise|nevertheless|yet|apart from|other than|aside from] = break
)TABLE";

const std::string_view kFindingSpellings = R"TABLE(
ischaemia ischeamia ischamia ischaemi > ischemia
ischaemic > ischemic
ischaemias > ischemia
fibrilation fibrillations > fibrillation
flutters > flutter
repolarisation > repolarization
depolarisation depolarisations > depolarization
normalised normalized > normalized
nonspecific unspecific > non specific
nondiagnostic > non diagnostic
nonsignificant > non significant
venricular ventriculat > ventricular
consistant > consistent
possable > possible
cant > cannot
couldnt > could not
doesnt > does not
isnt > is not
arent > are not
wasnt > was not
bradycardic > bradycardia
artefact > artifact
infarctio > infarction
infarcted > infarct
)TABLE";

const std::string_view kFindingGapWords = R"WORDS(
a also and anterior anterolateral anteroseptal apical are be been both but chest deep deeply depressed depression
diffuse diffusely either elevated elevation flat flattened flattening generally grossly has have high in inferior
inferolateral intermittently interval inversion inverted is it lateral lead leads less like limb longer low markedly may
mild mildly minimal minimally minor minus moderately more most mostly nearly negative no non not now of only or other
particularly persist persistently persisting possibly posterior precordial probably qrs rather remain remains segment
segments septal show shows significantly slight slightly small somewhat standard still symmetric symmetrical symmetrically
terminal terminally than the these they this those throughout to upsloping v was wave waves were which widely widespread
within
)WORDS";

const std::string_view kFindingSiteWords = R"WORDS(
acute and anterior antero anterolateral anteroseptal apical chronic extensive healed high inferior infero inferolateral
inferoposterior ischemia lateral left myocardial new old or posterior postero posterolateral possible previous probable
recent remote septal septum small subacute subendocardial the transmural wall walls /
)WORDS";

const std::string_view kFindingAgeWords =
    "acute age chronic date indeterminate new old possibly probably recent uncertain undetermined unknown";

const std::string_view kFindingVerbs = "is are was were show shows has have remain remains there";

}  // namespace deri
