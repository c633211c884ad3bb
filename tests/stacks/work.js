const zlib=require('zlib'), crypto=require('crypto');
class N{constructor(d){this.d=d;if(d>0){this.l=new N(d-1);this.r=new N(d-1)}} sum(){return this.d+(this.l?this.l.sum()+this.r.sum():0)}}
function f(n){return n<2?n:f(n-1)+f(n-2)}
function work(){
 const a=[];for(let i=0;i<2000;i++)a.push({k:'x'+i,v:[i,i*2,{z:i}]});
 const s=JSON.stringify(a);JSON.parse(s,(k,v)=>v);
 a.sort((x,y)=>y.v[0]-x.v[0]);
 new N(10).sum(); f(15);
 s.replace(/\d+/g,m=>m+1); zlib.deflateSync(s); crypto.createHash('sha256').update(s).digest('hex');
 Buffer.from(s).toString('base64');
 new Map(a.map(x=>[x.k,x])).forEach(x=>x.v);
 setImmediate(work);
}
work();
