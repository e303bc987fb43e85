from PIL import Image

from tests.pictures import PLACE, demo, gateway, money, tutorial

demo.take()
money.take()
gateway.take()
tutorial.take()
for picture in PLACE.glob("*.png"):
    Image.open(picture).convert("RGB").quantize(192, dither=Image.Dither.NONE).save(picture, optimize=True)
