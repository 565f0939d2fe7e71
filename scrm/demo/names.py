"""What made-up people and companies are called."""

from random import Random

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
)
FEMALE = """
    静怡 雅婷 思雨 欣悦 梦琪 雨桐 诗涵 佳慧 晓彤 子萱 婉清 若曦 梓涵 语嫣 芷若 丽娜 秀英 玉兰 海燕 晓燕 小红
    敏 静 芳 娜 婷 雪 琳 颖 倩 璐 瑶 春梅 冬梅 桂英 淑华 美玲 慧敏 嘉怡 可欣 紫涵 依诺 沐晴 以沫 念慈 安琪
    佩珊 晨曦 雨薇 心怡
"""
MALE = """
    浩然 子轩 俊杰 明轩 宇航 志强 建国 伟 强 磊 军 涛 超 鹏 杰 博文 嘉豪 家辉 天佑 文博 思远 一鸣 子墨 泽宇
    俊峰 海涛 国栋 永康 晓东 志远
"""
NICKNAMES = """
    小鹿 夏天的风 奶茶三分糖 Momo 橘子汽水 云朵 七月 柠檬不酸 森系女孩 星河 Luna 喵小姐 山茶花 半糖主义 Coco
    四月天 桃子味 听雨 海盐 白日梦 Sunny 阿狸 南方有雨 米粒 青柠 Amy 岁月静好 平安是福 花开富贵 向日葵
    一叶知秋 麦子 糖糖 大白 小满 清欢 Vivian 北岛 拾光 月亮不睡
"""
TRADES = "美甲 纹绣 美容院 服装店 母婴店 民宿 瑜伽 花艺"
CITIES = {
    "华东": "上海 杭州 南京 苏州 宁波 合肥 无锡 福州",
    "华南": "广州 深圳 佛山 东莞 厦门 南宁 海口 珠海",
    "华北": "北京 天津 石家庄 太原 青岛 济南 呼和浩特",
    "华中": "武汉 长沙 郑州 南昌 宜昌 洛阳 株洲",
    "西南": "成都 重庆 昆明 贵阳 绵阳 遵义 大理",
}
_BRANDS = "云锦 悦然 兰芷 芳华 百灵 新雅 知美 臻选 橙意 木槿 初见 锦瑟 梧桐 青禾 天香 沁园 柏雅 拾美 朗悦 若水"
_BEAUTY = "美容 化妆品 美妆 日化 形象设计 健康管理 百货"
_MAKERS = "恒远 启明 华信 中联 博瑞 金盾 长风 天工 鼎立 瑞丰 宏图 德润 方圆 卓越 立信 安捷 远航 永固 凯旋 精诚"
_INDUSTRY = "机电 精密制造 自动化 五金 轴承 液压 电气 仪表 工业设备 包装 新材料 物流"


def person(random: Random, female: float = 0.8) -> str:
    """A full name."""
    given = FEMALE if random.random() < female else MALE
    return random.choice(SURNAMES) + random.choice(given.split())


def wechat_name(random: Random) -> str:
    """What people call themselves on WeChat: their name, a nickname, or what they sell."""
    kind = random.random()
    if kind < 0.62:
        return person(random)
    if kind < 0.94:
        return random.choice(NICKNAMES.split())
    return f"A{random.choice(TRADES.split())}{random.choice('小老阿')}{random.choice(SURNAMES)}"


def remark_of_a_colleague(random: Random) -> str:
    """What somebody calls a customer whom a colleague knows under another name."""
    how = random.choice(("总", "老师", "阿姨", "姐"))
    return random.choice(SURNAMES) + how + random.choice(("", " 团购群主", " 闺蜜介绍", " 同小区", " 健身房"))


def beauty_company(random: Random, city: str) -> str:
    """A small company of the trade."""
    return f"{city}{random.choice(_BRANDS.split())}{random.choice(_BEAUTY.split())}有限公司"


def industrial_company(random: Random, city: str) -> str:
    """A company that buys industrial goods."""
    return f"{city}{random.choice(_MAKERS.split())}{random.choice(_INDUSTRY.split())}有限公司"


def phone(random: Random) -> str:
    """Eleven digits that are nobody's: no number begins with 12."""
    return f"12{random.randrange(10**9):09}"


def external_userid(random: Random) -> str:
    """An id as WeCom gives them."""
    return "wm" + "".join(random.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789", k=30))
