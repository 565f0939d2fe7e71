"""Pinyin of single characters, as people type it: without tones, ü as v.

A character of a name has one reading, rarely two. Of the dozens that a dictionary knows for some, only those are
kept that names of people and companies really have, or "yu" would find every 王.
"""

import os
import unicodedata
from functools import cache

# Characters of names that are read in more than one way. Others have the first reading of the dictionary.
_SEVERAL = """
单dan,shan 曾zeng,ceng 仇qiu,chou 解xie,jie 查zha,cha 区ou,qu 朴piao,pu 乐yue,le 盖ge,gai 翟zhai,di 缪miao,mou
覃qin,tan 种chong,zhong 重zhong,chong 长chang,zhang 朝chao,zhao 行hang,xing 晟sheng,cheng 茜qian,xi
召zhao,shao 折she,zhe 尉wei,yu 员yuan,yun 万wan,mo 俟qi,si 郇xun,huan 隗wei,kui 祭zhai,ji 柏bai,bo 都du,dou
会hui,kuai 厦xia,sha 大da,dai 弹tan,dan 调diao,tiao 角jiao,jue 贾jia,gu 参can,shen 藏zang,cang 传chuan,zhuan
还huan,hai 降jiang,xiang 奇qi,ji 强qiang,jiang 省sheng,xing 盛sheng,cheng 石shi,dan 宿su,xiu 校xiao,jiao
车che,ju 便bian,pian 薄bo,bao 阿a,e 率lv,shuai 露lu,lou 模mo,mu 娜na,nuo 宓mi,fu 塞sai,se 什shen,shi 系xi,ji
殷yin,yan 着zhe,zhuo 琢zhuo,zuo 咖ka,ga 繁fan,po 逢feng,pang 黑hei,he 洗xian,xi 么me,yao 牟mou,mu 秘mi,bi
谌chen,shen 谷gu,yu 靓liang,jing 粘nian,zhan 啜chuai,chuo 句gou,ju 能neng,nai 陆lu,liu 六liu,lu 沈shen,chen
叶ye,xie 於yu,wu 吕lv,lu,lyu 旅lv,lu,lyu 律lv,lu,lyu 绿lv,lu,lyu 女nv,nu
"""

_SYLLABLES = """
a ai an ang ao ba bai ban bang bao bei ben beng bi bian biang biao bie bin bing bo bong bu ca cai can cang cao ce
cei cen ceng cha chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan chuang chui chun chuo ci
cong cou cu cuan cui cun cuo da dai dan dang dao de den deng di dian diao die din ding diu dong dou du duan dui dun
duo e ei en eng er fa fan fang fei fen feng fiao fo fou fu ga gai gan gang gao ge gei gen geng gong gou gu gua guai
guan guang gui gun guo ha hai han hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo ji jia jian
jiang jiao jie jin jing jiong jiu ju juan jue jun ka kai kan kang kao ke ken keng kong kou ku kua kuai kuan kuang
kui kun kuo la lai lan lang lao le lei leng li lia lian liang liao lie lin ling liu lo long lou lu luan lun luo lv
lve lyu ma mai man mang mao me mei men meng mi mian miao mie min ming miu mo mou mu na nai nan nang nao ne nei nen
neng ni nian niang niao nie nin ning niu nong nou nu nuan nun nuo nv nve o ou pa pai pan pang pao pei pen peng pi
pian piao pie pin ping po pou pu qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun ran rang rao re ren
reng ri rong rou ru rua ruan rui run ruo sa sai san sang sao se sen seng sha shai shan shang shao she shen sheng shi
shou shu shua shuai shuan shuang shui shun shuo si song sou su suan sui sun suo ta tai tan tang tao te teng ti tian
tiao tie ting tong tou tu tuan tui tun tuo wa wai wan wang wei wen weng wo wong wu xi xia xian xiang xiao xie xin
xing xiong xiu xu xuan xue xun ya yan yang yao ye yi yin ying yo yong you yu yuan yue yun za zai zan zang zao ze zei
zen zeng zha zhai zhan zhang zhao zhe zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo zi zong
zou zu zuan zui zun zuo
"""
SYLLABLES = frozenset(_SYLLABLES.split())
BEGINNINGS = frozenset(one[:length] for one in SYLLABLES for length in range(1, len(one) + 1))


@cache
def readings(character: str) -> tuple[str, ...]:
    """How a character is read; nothing when it is no Chinese one."""
    if found := _several().get(character):
        return found
    listed = _dictionary().get(ord(character))
    reading = _plain(listed.partition(",")[0]) if listed else ""
    return (reading,) if reading in SYLLABLES else ()


@cache
def _several() -> dict[str, tuple[str, ...]]:
    return {entry[0]: tuple(entry[1:].split(",")) for entry in _SEVERAL.split()}


@cache
def _dictionary() -> dict[int, str]:
    # Here, not above, and without its phrases: loading it takes longer than most commands do, and few need it.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin.constants import PINYIN_DICT

    return PINYIN_DICT


def _plain(syllable: str) -> str:
    """Without tones: ǎ is a, ǚ is v."""
    letters = unicodedata.normalize("NFD", syllable).replace("u\u0308", "v")
    return "".join(letter for letter in letters if "a" <= letter <= "z")


def order(name: str) -> tuple[list[str], str]:
    """What names are sorted by in lists for people: as they are read, Chinese ones by their pinyin."""
    return [(readings(letter) or (letter.casefold(),))[0] for letter in name], name
