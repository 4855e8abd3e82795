# Stands for the official image of BusyBox: Debian's static one, and a link for each of its programs.
FROM plant-care-proof/trixie AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends busybox-static
RUN mkdir -p /image/bin /image/etc /image/root \
    && cp /bin/busybox /image/bin/busybox \
    && for program in $(busybox --list); do [ "$program" = busybox ] || ln -s busybox "/image/bin/$program"; done \
    && echo 'root:x:0:0:root:/root:/bin/sh' > /image/etc/passwd \
    && install -d -m 1777 /image/tmp

FROM scratch
COPY --from=build /image /
CMD ["sh"]
